import { EvidenceError } from '../ports/evidence.ts';
import { SyncClientError } from '../ports/sync-client.ts';
import type { SeenStreaming } from '../publish-model.ts';
import { evaluateStream, findExpiry } from './evaluate-stream.ts';
import { createPollFindings, type PollFindings } from './poll-findings.ts';
import type { PollDeps, PolledPool, PollOutcome } from './poll-model.ts';
import { pollPool } from './poll-pool.ts';

/** Share of the time budget for polling the pools. The streams are read afterwards and take longest. */
const SHARE_OF_POOLS = 0.6;

/**
 * Polls each pool and saves three findings: the pool's stream, the status of the pool's last bulk publish, and whether
 * all events of that bulk publish are in the query store. A failure of one pool does not affect the other pools.
 *
 * @returns the findings, including failures of the service and of streams
 * @throws {SyncClientError} the pools could not be listed
 * @throws errors of the store and unexpected errors, after all pools were tried
 */
export async function pollBulkPublishes(deps: PollDeps): Promise<PollOutcome> {
  const { api, store, now, timeBudgetMs } = deps;
  const startedAt = now();
  const seen = new Map((await store.readSeen()).map((one) => [one.identityPoolId, one]));
  const openGaps = await store.readOpenGaps();
  const poolIds = sortByUrgency(deps.identityPoolIds ?? (await api.listPools()), seen, deps.first ?? []);
  const findings = createPollFindings(poolIds.length);
  const attempts = createAttempts(findings);

  const polled: PolledPool[] = [];
  for (const [index, identityPoolId] of poolIds.entries()) {
    if (index > 0 && now() - startedAt >= timeBudgetMs * SHARE_OF_POOLS) {
      findings.notReached([identityPoolId]);
      continue;
    }
    await attempts.run([identityPoolId], async () => {
      const context = { before: seen.get(identityPoolId) ?? null, openGaps };
      polled.push(await pollPool(deps, identityPoolId, context, findings));
    });
  }
  for (const [streamName, pools] of groupByStream(polled, deps.streamName)) {
    const ids = pools.map(({ identityPoolId }) => identityPoolId);
    if (now() - startedAt >= timeBudgetMs) findings.notReached(ids);
    else {
      await attempts.run(ids, () => evaluateStream(deps, streamName, pools, findings));
      await attempts.run(ids, () =>
        findExpiry(deps, streamName, { pools, openGaps, seen: [...seen.values()] }, findings),
      );
    }
  }
  attempts.throwUnexpected();
  return findings.outcome(await store.countUnrepairedGaps());
}

function sortByUrgency(
  identityPoolIds: readonly string[],
  seen: ReadonlyMap<string, SeenStreaming>,
  first: readonly string[],
): string[] {
  const rank = (id: string) => (first.includes(id) ? -1 : (seen.get(id)?.checkedAt ?? 0));
  return [...new Set(identityPoolIds)].sort((one, other) => rank(one) - rank(other));
}

/** Runs work for some pools. If the work fails, only these pools are affected. */
function createAttempts(findings: PollFindings) {
  const unexpected: unknown[] = [];
  return {
    async run(identityPoolIds: readonly string[], work: () => Promise<void>): Promise<void> {
      try {
        await work();
      } catch (error) {
        if (error instanceof SyncClientError || error instanceof EvidenceError) {
          findings.failed(identityPoolIds, error);
        } else unexpected.push(error);
      }
    },
    throwUnexpected() {
      if (unexpected.length > 0) throw unexpected[0];
    },
  };
}

/**
 * Groups the pools by the streams that must be read for them. A pool's current stream is read because records may
 * expire from it. The stream of a bulk publish is read because the bulk publish is not projected yet.
 *
 * @param only the one stream to read; null for all streams
 */
function groupByStream(polled: readonly PolledPool[], only: string | null): Map<string, PolledPool[]> {
  const streams = new Map<string, PolledPool[]>();
  for (const pool of polled) {
    const names = [pool.streamName, ...pool.open.map(({ streamName }) => streamName)];
    for (const name of new Set(names)) {
      if (name !== null && (only === null || name === only))
        streams.set(name, [...(streams.get(name) ?? []), pool]);
    }
  }
  return streams;
}
