import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { createRefreshedResource, type RefreshedResource } from '../../../lib/common/refreshed-resource.ts';

interface Connection {
  settings: string;
  isOpen: boolean;
  close(): void;
}

describe('a resource whose settings are read again', () => {
  let now: number;
  let settings: string | Error;
  let reading: Promise<void>;
  let opened: Connection[];
  let resource: RefreshedResource<Connection>;
  beforeEach(() => {
    now = 0;
    settings = 'first';
    reading = Promise.resolve();
    opened = [];
    resource = createRefreshedResource({
      async open(previous: Connection | undefined) {
        await reading;
        if (settings instanceof Error) throw settings;
        if (previous?.settings === settings) return previous;
        const connection: Connection = {
          settings,
          isOpen: true,
          close: () => {
            connection.isOpen = false;
          },
        };
        opened.push(connection);
        return connection;
      },
      maxAgeMs: 300,
      maxStaleMs: 3_000,
      minIntervalMs: 30,
      maxWaitMs: 1,
      sleep,
      now: () => now,
      report: () => undefined,
    });
  });

  const used = () => resource.use(async (connection) => ({ ...connection }));
  const openOnes = () => opened.filter(({ isOpen }) => isOpen).map((connection) => connection.settings);
  /** Uses the resource until `end` is called. */
  async function useLong(use: RefreshedResource<Connection>['use'] = resource.use) {
    const begun = Promise.withResolvers<void>();
    const mayEnd = Promise.withResolvers<void>();
    const work = use(async (connection) => {
      begun.resolve();
      await mayEnd.promise;
      return connection.isOpen;
    });
    await begun.promise;
    return {
      end() {
        mayEnd.resolve();
        return work;
      },
    };
  }

  it('stays open while the settings are the same', async () => {
    await used();
    now += 300;
    expect(await used()).toMatchObject({ settings: 'first', isOpen: true });
    expect(opened).toHaveLength(1);
  });

  it('is closed when a resource with other settings has replaced it', async () => {
    await used();
    settings = 'second';
    now += 30;
    expect(await used()).toMatchObject({ settings: 'first' });
    await resource.useLatest(async (connection) => expect(connection.settings).toBe('second'));
    expect(openOnes()).toEqual(['second']);
  });

  it('is closed only after the last work with it has ended, even if that work fails', async () => {
    const [one, other] = [await useLong(), await useLong()];
    const failing = resource.use(async () => {
      await sleep(1);
      throw new Error('failed');
    });
    settings = 'second';
    now += 300;
    expect(await used()).toMatchObject({ settings: 'second' });
    await expect(failing).rejects.toThrow('failed');
    expect(openOnes()).toEqual(['first', 'second']);
    expect(await one.end()).toBe(true);
    expect(openOnes()).toEqual(['first', 'second']);
    expect(await other.end()).toBe(true);
    expect(openOnes()).toEqual(['second']);
  });

  it('stays open and in use if its settings cannot be read again', async () => {
    await used();
    settings = new Error('the network is gone');
    now += 300;
    expect(await used()).toMatchObject({ settings: 'first', isOpen: true });
  });

  it('is never used after it was closed, even if it is replaced while work waits for it', async () => {
    await used();
    const { promise, resolve } = Promise.withResolvers<void>();
    reading = promise;
    settings = 'second';
    now += 300;
    // The slow read may end before or after the time limit of the wait. The test must pass in both cases.
    const waiting = Array.from({ length: 50 }, used);
    await sleep(1);
    resolve();
    for (const { isOpen } of await Promise.all(waiting)) expect(isOpen).toBe(true);
    await used();
    expect(openOnes()).toEqual(['second']);
  });
});
