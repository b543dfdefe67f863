import { describe, expect, it } from 'vitest';
import { watchPublish } from '../../../infra/cli/commands/bulk-publish/watch-publish.ts';
import type { PollOutcome } from '../../../lib/backfill/poll/poll-model.ts';
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
  streamCreatedAt: null,
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
interface PollResult {
  run: PublishRun | null;
  failure?: Failure;
}
const failing = (condition: Failure['condition'], run: PublishRun | null = RUN): PollResult => ({
  run,
  failure: { identityPoolId: POOL, condition, message: 'said so' },
});

/** Watches while each poll returns the next of these results, and the last result from then on. */
async function watch(
  results: readonly PollResult[],
  timeoutMs: number | null = null,
  stop = new AbortController(),
) {
  let clock = START;
  let at = -1;
  const progressTexts: string[] = [];
  const current = () => results[Math.min(at, results.length - 1)] ?? { run: null };
  const run = await watchPublish(
    {
      poll: async () => {
        at += 1;
        const { failure } = current();
        return { failures: failure ? [failure] : [] };
      },
      readLast: async () => current().run,
      sleep: async (ms) => {
        clock += ms;
      },
      now: () => clock,
      progress: ({ text }) => progressTexts.push(text),
      signal: stop.signal,
    },
    { identityPoolId: POOL, timeoutMs },
  );
  return { run, progressTexts, tookMs: clock - START };
}

describe('bulk-publish watch', () => {
  it('reports what it waits for until the bulk publish is projected', async () => {
    const { run, progressTexts } = await watch([{ run: RUN }, { run: SUCCEEDED }, { run: PROJECTED }]);
    expect(run).toBe(PROJECTED);
    expect(progressTexts).toEqual([
      'started 2026-01-01T00:00:00Z, waiting for the service, which is still publishing',
      'started 2026-01-01T00:00:00Z, published 2026-01-01T00:00:05Z, waiting for 2 events',
    ]);
  });

  it('says that the reason is unknown if none is stored', async () => {
    const waiting = { ...SUCCEEDED, waitingFor: null };
    const { progressTexts } = await watch([{ run: waiting }, { run: PROJECTED }]);
    expect(progressTexts).toEqual([
      'started 2026-01-01T00:00:00Z, published 2026-01-01T00:00:05Z, waiting for an unknown reason',
    ]);
  });

  it.each([
    ['failed', failed(FACTS)],
    ['ended with an outcome that the service no longer reports', endedUnseen(FACTS, START)],
    ['stalled', keepWaiting(SUCCEEDED, '2 events', SUCCEEDED.shards, START + 60 * 60 * 1000)],
    ['has an unknown outcome', cannotBeKnown(SUCCEEDED, 'a test', START)],
  ])('ends if the bulk publish %s', async (_, ended) => {
    expect((await watch([{ run: ended }])).run).toBe(ended);
  });

  it('fails if the pool was never published', async () => {
    await expect(watch([{ run: null }])).rejects.toThrow('was never published');
  });

  it('keeps watching while the service does not respond, even if the bulk publish in the store has ended', async () => {
    const results = [
      failing('unavailable', PROJECTED),
      failing('throttled', PROJECTED),
      { run: RUN },
      { run: PROJECTED },
    ];
    expect((await watch(results)).progressTexts).toHaveLength(3);
  });

  it('fails after a minute without a response, and restarts the minute after each response', async () => {
    await expect(watch([{ run: RUN }, failing('unavailable')])).rejects.toThrow(
      'the state of the bulk publish is unknown: said so',
    );
    const outages = Array.from({ length: 20 }, () => [
      failing('unavailable'),
      failing('unavailable'),
      { run: RUN },
    ]);
    expect((await watch([...outages.flat(), { run: PROJECTED }])).tookMs).toBeGreaterThan(100_000);
  });

  it.each(['not-found', 'not-authorized', 'credentials', 'refused'] as const)(
    'fails immediately on a permanent error: %s',
    async (condition) => {
      await expect(watch([failing(condition)])).rejects.toThrow('said so');
    },
  );

  it('fails if the bulk publish is not projected within the timeout', async () => {
    await expect(watch([{ run: SUCCEEDED }], 10_000)).rejects.toThrow(
      /^the bulk publish is not projected after 10 s: .*2 events$/,
    );
  });

  it('fails when it is aborted, unless the bulk publish has already ended', async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(watch([{ run: RUN }], null, stop)).rejects.toThrow('stopped watching');
    expect((await watch([{ run: PROJECTED }], null, stop)).run).toBe(PROJECTED);
  });
});
