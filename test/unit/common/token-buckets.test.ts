import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTokenBuckets, type TokenRate } from '../../../lib/common/token-buckets.ts';

const RATE: TokenRate = { perSecond: 10, burst: 20 };

function buckets(rate = RATE, maxKeys = 100) {
  const clock = { now: 1_000 };
  return { clock, ...createTokenBuckets({ rate, maxKeys, now: () => clock.now }) };
}

/** Takes units one by one. Returns how many units were available. */
function takeAll(take: (key: string, cost: number) => number, key = 'a', tries = 100): number {
  return Array.from({ length: tries }, () => take(key, 1)).filter((waitMs) => waitMs === 0).length;
}

describe('a token bucket', () => {
  it('is full for a new key, and empty after its burst was taken', () => {
    const { take } = buckets();
    expect(takeAll(take)).toBe(20);
    expect(take('a', 1)).toBe(100);
  });

  it('fills at its rate, up to its burst', () => {
    const { take, clock } = buckets();
    takeAll(take);
    clock.now += 500;
    expect(takeAll(take)).toBe(5);
    clock.now += 3_600_000;
    expect(takeAll(take)).toBe(20);
  });

  it('takes nothing if too few units are available, and returns when enough will be available', () => {
    const { take, clock } = buckets();
    takeAll(take);
    expect(take('a', 8)).toBe(800);
    expect(take('a', 8)).toBe(800);
    clock.now += 800;
    expect(take('a', 8)).toBe(0);
    expect(take('a', 1)).toBe(100);
  });

  it('belongs to only one key', () => {
    const { take } = buckets();
    takeAll(take, 'a');
    expect(takeAll(take, 'b')).toBe(20);
  });

  it('allows a cost above the burst when it is full', () => {
    const { take, clock } = buckets({ perSecond: 1, burst: 2 });
    expect(take('a', 8)).toBe(0);
    expect(take('a', 8)).toBe(2_000);
    clock.now += 2_000;
    expect(take('a', 8)).toBe(0);
  });

  it('is dropped after too many other buckets have been used, so that memory is bounded', () => {
    const { take } = buckets(RATE, 2);
    takeAll(take, 'a');
    takeAll(take, 'b');
    expect(take('b', 1)).toBeGreaterThan(0);
    take('c', 1);
    expect(take('b', 1)).toBeGreaterThan(0);
    expect(take('a', 1)).toBe(0);
  });

  it('never gives more units than its burst plus the units that were added since its first use', () => {
    const uses = fc.array(fc.record({ afterMs: fc.nat({ max: 2_000 }), cost: fc.constantFrom(0.5, 1, 8) }), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(uses, (list) => {
        const { take, clock } = buckets();
        const start = clock.now;
        let taken = 0;
        for (const { afterMs, cost } of list) {
          clock.now += afterMs;
          if (take('a', cost) === 0) taken += cost;
          expect(taken).toBeLessThanOrEqual(20 + ((clock.now - start) * 10) / 1_000 + 0.02);
        }
      }),
    );
  });
});

describe('units that are owed', () => {
  it('are taken even if the bucket is empty; later units must wait until the bucket has made up for them', () => {
    const { clock, take, owe } = buckets();
    owe('a', 20);
    owe('a', 10);
    expect(take('a', 0)).toBe(1_000);
    expect(take('a', 1)).toBe(1_100);
    clock.now += 1_000;
    expect(take('a', 0)).toBe(0);
    expect(take('b', 20)).toBe(0);
  });

  it('are at most the capacity, so that the wait is limited', () => {
    const { take, owe } = buckets();
    for (let call = 0; call < 100; call += 1) owe('a', 20);
    expect(take('a', 0)).toBe(2_000);
  });
});
