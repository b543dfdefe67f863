import { evaluateStream, findExpiry } from './evaluate-stream.ts';
import { EvidenceError } from './evidence.ts';
import { createPollFindings, type PollFindings } from './poll-findings.ts';
import type { PollDeps, PollOutcome, PoolLook } from './poll-model.ts';
import { pollPool } from './poll-pool.ts';
import type { SeenStreaming } from './publish-model.ts';
import { SyncClientError } from './sync-client.ts';

/** The streams come after the pools, and are what takes long. */
const SHARE_OF_POOLS = 0.6;

/**
 * Looks at each pool: where it streams to, how its last bulk publish stands, and whether all of that is in the query
 * store; and keeps what it finds. Each pool is looked at whatever becomes of the others.
 *
 * @returns failures of the service and of streams, as part of what was found
 * @throws {SyncClientError} the pools could not be listed
 * @throws whatever the store throws, and anything unforeseen, once all pools were tried
 */
export async function pollBulkPublishes(deps: PollDeps): Promise<PollOutcome> {
  const { api, store, now, timeBudgetMs } = deps;
  const startedAt = now();
  const seen = new Map((await store.readSeen()).map((one) => [one.identityPoolId, one]));
  const openGaps = await store.readOpenGaps();
  const poolIds = inOrder(deps.identityPoolIds ?? (await api.listPools()), seen, deps.first ?? []);
  const findings = createPollFindings(poolIds.length);
  const attempts = createAttempts(findings);

  const looks: PoolLook[] = [];
  for (const [index, identityPoolId] of poolIds.entries()) {
    if (index > 0 && now() - startedAt >= timeBudgetMs * SHARE_OF_POOLS) {
      findings.notReached([identityPoolId]);
      continue;
    }
    await attempts.of([identityPoolId], async () => {
      const context = { before: seen.get(identityPoolId) ?? null, openGaps };
      looks.push(await pollPool(deps, identityPoolId, context, findings));
    });
  }
  for (const [streamName, pools] of byStream(looks, deps.streamName)) {
    const ids = pools.map(({ identityPoolId }) => identityPoolId);
    if (now() - startedAt >= timeBudgetMs) findings.notReached(ids);
    else {
      await attempts.of(ids, () => evaluateStream(deps, streamName, pools, findings));
      await attempts.of(ids, () =>
        findExpiry(deps, streamName, { pools, openGaps, seen: [...seen.values()] }, findings),
      );
    }
  }
  attempts.throwUnforeseen();
  return findings.outcome(await store.countUnmendedGaps());
}

function inOrder(
  identityPoolIds: readonly string[],
  seen: ReadonlyMap<string, SeenStreaming>,
  first: readonly string[],
): string[] {
  const rank = (id: string) => (first.includes(id) ? -1 : (seen.get(id)?.checkedAt ?? 0));
  return [...new Set(identityPoolIds)].sort((one, other) => rank(one) - rank(other));
}

/** Work for some pools, whose failure is theirs alone. */
function createAttempts(findings: PollFindings) {
  const unforeseen: unknown[] = [];
  return {
    async of(identityPoolIds: readonly string[], work: () => Promise<void>): Promise<void> {
      try {
        await work();
      } catch (error) {
        if (error instanceof SyncClientError || error instanceof EvidenceError) {
          findings.failed(identityPoolIds, error);
        } else unforeseen.push(error);
      }
    },
    throwUnforeseen() {
      if (unforeseen.length > 0) throw unforeseen[0];
    },
  };
}

/**
 * Pools with something to be found out on a stream: runs that are not projected yet, or records that may expire.
 *
 * @param only the one stream that is looked at; null for all
 */
function byStream(looks: readonly PoolLook[], only: string | null): Map<string, PoolLook[]> {
  const streams = new Map<string, PoolLook[]>();
  for (const look of looks) {
    const names = [look.streamName, ...look.open.map(({ streamName }) => streamName)];
    for (const name of new Set(names)) {
      if (name !== null && (only === null || name === only))
        streams.set(name, [...(streams.get(name) ?? []), look]);
    }
  }
  return streams;
}
