import { describe, expect, it } from 'vitest';
import { watchPublish } from '../../../infra/cli/commands/bulk-publish/watch-publish.ts';
import type { PollOutcome } from '../../../lib/backfill/poll-model.ts';
import type { PublishRun, RunFacts } from '../../../lib/backfill/publish-model.ts';
import {
  cannotBeKnown,
  endedUnseen,
  failed,
  keepWaiting,
  projected,
  published,
  publishing,
} from '../../../lib/backfill/run-transitions.ts';

const POOL = 'us-east-1:1';
const START = Date.UTC(2026, 0, 1);
const FACTS: RunFacts = {
  identityPoolId: POOL,
  startedAt: START,
  streamName: 'cognito-sync',
  completedAt: null,
  failureMessage: null,
  unmovedSince: null,
  checkedAt: START,
};
const RUN = publishing(FACTS);
const PUBLISHED = published({ ...FACTS, completedAt: START + 5_000 });
const SUCCEEDED = keepWaiting(PUBLISHED, '2 events', { kind: 'passed' }, START);
const PROJECTED = projected(SUCCEEDED, START + 9_000);

type Failure = PollOutcome['failures'][number];
interface Look {
  run: PublishRun | null;
  failure?: Failure;
}
const failing = (condition: Failure['condition'], run: PublishRun | null = RUN): Look => ({
  run,
  failure: { identityPoolId: POOL, condition, message: 'said so' },
});

/** Watches while each look finds the next of these, the last one from then on. */
async function watch(looks: readonly Look[], timeoutMs: number | null = null, stop = new AbortController()) {
  let clock = START;
  let at = -1;
  const told: string[] = [];
  const look = () => looks[Math.min(at, looks.length - 1)] ?? { run: null };
  const run = await watchPublish(
    {
      poll: async () => {
        at += 1;
        const { failure } = look();
        return { failures: failure ? [failure] : [] };
      },
      readLast: async () => look().run,
      sleep: async (ms) => {
        clock += ms;
      },
      now: () => clock,
      progress: ({ text }) => told.push(text),
      signal: stop.signal,
    },
    { identityPoolId: POOL, timeoutMs },
  );
  return { run, told, tookMs: clock - START };
}

describe('watching a bulk publish', () => {
  it('tells what it waits for until it is projected', async () => {
    const { run, told } = await watch([{ run: RUN }, { run: SUCCEEDED }, { run: PROJECTED }]);
    expect(run).toBe(PROJECTED);
    expect(told).toEqual([
      'started 2026-01-01T00:00:00Z, waiting for the service, which is still publishing',
      'started 2026-01-01T00:00:00Z, published 2026-01-01T00:00:05Z, waiting for 2 events',
    ]);
  });

  it.each([
    ['has failed', failed(FACTS)],
    ['ended unseen', endedUnseen(FACTS, START)],
    ['has stalled', keepWaiting(SUCCEEDED, '2 events', SUCCEEDED.shards, START + 60 * 60 * 1000)],
    ['nobody can tell of', cannotBeKnown(SUCCEEDED, 'a test', START)],
  ])('ends where there is nothing more to come: a run that %s', async (_, ended) => {
    expect((await watch([{ run: ended }])).run).toBe(ended);
  });

  it('does not wait for what was never started', async () => {
    await expect(watch([{ run: null }])).rejects.toThrow('was never published');
  });

  it('takes no old end for the answer of a service that is silent', async () => {
    const looks = [
      failing('unavailable', PROJECTED),
      failing('throttled', PROJECTED),
      { run: RUN },
      { run: PROJECTED },
    ];
    expect((await watch(looks)).told).toHaveLength(3);
  });

  it('gives a silent service a minute, and begins to count anew when it answers', async () => {
    await expect(watch([{ run: RUN }, failing('unavailable')])).rejects.toThrow(
      'the state of the bulk publish is unknown: said so',
    );
    const ups = Array.from({ length: 20 }, () => [
      failing('unavailable'),
      failing('unavailable'),
      { run: RUN },
    ]);
    expect((await watch([...ups.flat(), { run: PROJECTED }])).tookMs).toBeGreaterThan(100_000);
  });

  it.each(['not-found', 'not-authorized', 'credentials', 'refused'] as const)(
    'gives up at once what does not pass by itself: %s',
    async (condition) => {
      await expect(watch([failing(condition)])).rejects.toThrow('said so');
    },
  );

  it('ends when its time is over', async () => {
    await expect(watch([{ run: SUCCEEDED }], 10_000)).rejects.toThrow(
      /^not projected after 10 s: .*2 events$/,
    );
  });

  it('ends where nobody watches any more', async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(watch([{ run: RUN }], null, stop)).rejects.toThrow('stopped watching');
    expect((await watch([{ run: PROJECTED }], null, stop)).run).toBe(PROJECTED);
  });
});
