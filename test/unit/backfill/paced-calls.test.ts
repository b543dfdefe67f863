import { describe, expect, it } from 'vitest';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import {
  createPacedCalls,
  createRateLimit,
  retryPaced,
} from '../../../lib/backfill/reconcile/reconcile-calls.ts';

/** Creates a clock on which each `sleep` takes exactly the requested time. */
function createClock() {
  const clock = { now: 0 };
  const sleeping: { at: number; wake: () => void }[] = [];
  return {
    now: () => clock.now,
    sleep: (ms: number) => new Promise<void>((wake) => void sleeping.push({ at: clock.now + ms, wake })),
    async runUntilIdle() {
      for (;;) {
        for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
        const [next] = sleeping.sort((a, b) => a.at - b.at);
        if (!next) return;
        sleeping.shift();
        clock.now = Math.max(clock.now, next.at);
        next.wake();
      }
    },
  };
}

describe('paced calls', () => {
  it('keep the rate if they are made concurrently', async () => {
    const clock = createClock();
    const paced = createPacedCalls({ ...clock, maxCallsPerSecond: 10, signal: undefined });
    const startedAt: number[] = [];
    const worker = async () => {
      for (let call = 0; call < 5; call += 1) await paced(async () => void startedAt.push(clock.now()));
    };
    const working = Promise.all(Array.from({ length: 4 }, worker));
    await clock.runUntilIdle();
    await working;
    expect(startedAt).toEqual(Array.from({ length: 20 }, (_, index) => index * 100));
  });

  it('wait only for the interval between two calls, even if the clock was set back', async () => {
    let now = 1_000_000;
    const waits: number[] = [];
    const paced = createPacedCalls({
      now: () => now,
      sleep: async (ms) => void waits.push(ms),
      maxCallsPerSecond: 10,
      signal: undefined,
    });
    await paced(async () => undefined);
    now = 0;
    await paced(async () => undefined);
    expect(waits).toEqual([100]);
  });

  it('count every attempt in a rate that several callers share', async () => {
    const clock = createClock();
    const limit = createRateLimit({ ...clock, maxCallsPerSecond: 10 });
    const about = { ...clock, signal: undefined, pausesMs: [10], retried: ['throttled'] as const };
    const [one, other] = [retryPaced(limit, about), retryPaced(limit, about)];
    const startedAt: number[] = [];
    const fail = (condition: 'throttled' | 'unavailable') => async () => {
      startedAt.push(clock.now());
      throw new SyncClientError(condition, 'scripted');
    };
    const calls = Promise.allSettled([one(fail('throttled')), other(fail('unavailable'))]);
    await clock.runUntilIdle();
    await calls;
    // Only the first call is retried, because `about` names only the condition "throttled".
    expect(startedAt).toEqual([0, 100, 200]);
  });
});
