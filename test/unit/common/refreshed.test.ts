import { beforeEach, describe, expect, it } from 'vitest';
import { createRefreshed, type Refreshed } from '../../../lib/common/refreshed.ts';

describe('a refreshed value', () => {
  let now: number;
  let reads: number;
  let failure: Error | undefined;
  let reported: unknown[];
  let value: Refreshed<number>;
  beforeEach(() => {
    now = 1_000;
    reads = 0;
    failure = undefined;
    reported = [];
    value = createRefreshed({
      async read() {
        reads += 1;
        if (failure) throw failure;
        return reads;
      },
      maxAgeMs: 300,
      minIntervalMs: 30,
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

  it('rejects until the first read succeeds', async () => {
    failure = new Error('no secret');
    await expect(value.get()).rejects.toThrow('no secret');
    failure = undefined;
    expect(await value.get()).toBe(2);
    expect(reported).toEqual([]);
  });
});
