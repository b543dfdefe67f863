import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { createRefreshed, type Refreshed } from '../../../lib/common/refreshed.ts';

describe('a refreshed value', () => {
  let now: number;
  let reads: number;
  let failure: Error | undefined;
  let reported: unknown[];
  let reading: Promise<void>;
  let value: Refreshed<number>;
  beforeEach(() => {
    now = 1_000;
    reads = 0;
    failure = undefined;
    reported = [];
    reading = Promise.resolve();
    value = createRefreshed({
      async read() {
        reads += 1;
        const read = reads;
        await reading;
        if (failure) throw failure;
        return read;
      },
      maxAgeMs: 300,
      maxStaleMs: 3_000,
      minIntervalMs: 30,
      maxWaitMs: 1,
      sleep,
      now: () => now,
      report: (error) => reported.push(error),
    });
  });

  it('is read once for concurrent callers, and again when it is too old', async () => {
    expect(await Promise.all([value.get(), value.get()])).toEqual([1, 1]);
    now += 299;
    expect(await value.get()).toBe(1);
    now += 1;
    expect(await value.get()).toBe(2);
  });

  it('is refreshed on demand, but not within the minimum interval', async () => {
    await value.get();
    now += 29;
    expect(await value.refresh()).toBe(1);
    now += 1;
    expect(await value.refresh()).toBe(2);
  });

  it('remains in use if it cannot be read again', async () => {
    await value.get();
    failure = new Error('the network is gone');
    now += 300;
    expect(await value.get()).toBe(1);
    expect(reported).toEqual([failure]);
    failure = undefined;
    now += 30;
    expect(await value.refresh()).toBe(3);
  });

  it('is no longer used if it could not be read for too long, until it can be read again', async () => {
    await value.get();
    failure = new Error('the network is gone');
    now += 2_999;
    expect(await value.get()).toBe(1);
    now += 1;
    await expect(value.get()).rejects.toThrow('the network is gone');
    await expect(value.refresh()).rejects.toThrow('the network is gone');
    failure = undefined;
    expect(await value.get()).toBe(5);
  });

  it('that is too old is not returned in place of a slow read', async () => {
    await value.get();
    const { promise, resolve } = Promise.withResolvers<void>();
    reading = promise;
    now += 3_000;
    const latest = value.get();
    await sleep(10);
    resolve();
    expect(await latest).toBe(2);
  });

  it('is still returned while a slow read runs, and is replaced when that read ends', async () => {
    await value.get();
    const { promise, resolve } = Promise.withResolvers<void>();
    reading = promise;
    now += 300;
    expect(await value.get()).toBe(1);
    expect(await value.refresh()).toBe(1);
    resolve();
    await sleep(1);
    expect(await value.get()).toBe(2);
  });

  it('rejects until the first read succeeds', async () => {
    failure = new Error('no secret');
    await expect(value.get()).rejects.toThrow('no secret');
    failure = undefined;
    expect(await value.get()).toBe(2);
    expect(reported).toEqual([]);
  });
});
