import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DatabaseError } from '../../../lib/database/database.ts';
import { createUnitQueue, type UnitQueue } from '../../../lib/database/drivers/pglite/unit-queue.ts';

const LIMITS = { maxWaitingReads: 2, maxReadWaitMs: 60_000, maxReadPauseMs: 10_000 };
let queue: UnitQueue;
/** Names of the units in the order in which the units started. */
let started: string[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  queue = createUnitQueue(LIMITS);
  started = [];
});
afterEach(() => {
  vi.useRealTimers();
});

/** Creates a unit of work that takes `ms` milliseconds and resolves to its name. */
function unit(name: string, ms = 1): () => Promise<string> {
  return async () => {
    started.push(name);
    await new Promise((resolve) => setTimeout(resolve, ms));
    return name;
  };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

describe('the queue of the embedded database', () => {
  it('runs units one at a time; units of the service run in order of arrival, and before all waiting reads', async () => {
    const results = Promise.all([
      queue.runRead(unit('read 1', 5)),
      queue.runRead(unit('read 2')),
      queue.runService(unit('service 1')),
      queue.runRead(unit('read 3')),
      queue.runService(unit('service 2')),
    ]);
    await pass(4);
    expect(started).toEqual(['read 1']);
    await pass(1_000);
    expect(started).toEqual(['read 1', 'service 1', 'service 2', 'read 2', 'read 3']);
    expect(await results).toEqual(['read 1', 'read 2', 'service 1', 'read 3', 'service 2']);
  });

  it('continues after a unit that fails', async () => {
    const failing = queue.runService(async () => {
      throw new Error('of the unit');
    });
    const next = queue.runRead(unit('read'));
    await expect(failing).rejects.toThrow('of the unit');
    await pass(1);
    expect(await next).toBe('read');
  });

  it('delays only one request of a client that sends requests one after the other while reads wait', async () => {
    for (let index = 0; index < 2; index += 1) void queue.runRead(unit(`read ${index}`, 1_000));
    const delays: number[] = [];
    const client = (async () => {
      for (let index = 0; index < 500; index += 1) {
        const sentAt = performance.now();
        await queue.runService(unit(`service ${index}`, 1));
        delays.push(performance.now() - sentAt);
        await new Promise((resolve) => setTimeout(resolve, 9));
      }
    })();
    await pass(7_000);
    await client;
    expect(delays.filter((ms) => ms > 1)).toEqual([1_001]);
    await pass(4_000);
    expect(started.at(-1)).toBe('read 1');
  });

  it('does not delay the next read if no request of the service had to wait', async () => {
    void queue.runRead(unit('read 1', 5_000));
    void queue.runRead(unit('read 2'));
    await pass(5_001);
    expect(started).toEqual(['read 1', 'read 2']);
  });

  it('starts the next read at most ten seconds after a read that delayed the service', async () => {
    void queue.runRead(unit('read 1', 5_000));
    void queue.runService(unit('service'));
    await pass(5_002);
    void queue.runRead(unit('read 2'));
    await pass(9_990);
    expect(started).toEqual(['read 1', 'service']);
    await pass(10);
    expect(started).toEqual(['read 1', 'service', 'read 2']);
  });

  it('rejects a read if the maximum number of reads is already waiting', async () => {
    const running = [
      queue.runRead(unit('read 1')),
      queue.runRead(unit('read 2')),
      queue.runRead(unit('read 3')),
    ];
    await expect(queue.runRead(unit('read 4'))).rejects.toMatchObject({
      code: '53400',
      message: '2 statements are already waiting; try again later',
    });
    await pass(3);
    expect(await Promise.all(running)).toEqual(['read 1', 'read 2', 'read 3']);
    void queue.runRead(unit('read 5'));
    expect(started).toEqual(['read 1', 'read 2', 'read 3', 'read 5']);
  });

  it('rejects a read that has waited too long, and never runs that read', async () => {
    void queue.runService(unit('service', 70_000));
    const waiting = expect(queue.runRead(unit('read'))).rejects.toMatchObject({ code: '55P03' });
    await pass(60_000);
    await waiting;
    await pass(60_000);
    expect(started).toEqual(['service']);
  });

  it('rejects all waiting reads when the database is closed', async () => {
    void queue.runService(unit('service'));
    const waiting = expect(queue.runRead(unit('read'))).rejects.toMatchObject({ code: '57P01' });
    queue.rejectReads(new DatabaseError('the database is closed', '57P01'));
    await waiting;
    await pass(100);
    expect(started).toEqual(['service']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
