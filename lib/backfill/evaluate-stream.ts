import { evaluateRuns } from './evaluate-runs.ts';
import { findExpired } from './find-expired.ts';
import { findRemade } from './find-remade.ts';
import type { PollFindings } from './poll-findings.ts';
import type { PollDeps, PoolLook } from './poll-model.ts';
import type { Gap, PublishRun, SeenStreaming } from './publish-model.ts';

/** Judges the bulk publishes on a stream that are not projected yet, and keeps what comes of it. */
export async function evaluateStream(
  deps: PollDeps,
  streamName: string,
  pools: readonly PoolLook[],
  findings: PollFindings,
): Promise<void> {
  const runs = pools.flatMap(({ open }) => open.filter((run) => run.streamName === streamName));
  if (runs.length === 0) return;
  const { judged, failure } = await evaluateRuns(deps, streamName, runs);
  for (const run of judged) {
    await deps.store.saveRun(run);
    const before = runs.find((one) => isSameRun(one, run));
    if (before?.completeness !== run.completeness) findings.moved(run, run.completeness);
  }
  const now = runs.map((run) => judged.find((one) => isSameRun(one, run)) ?? run);
  findings.stalled(now.filter(({ completeness }) => completeness === 'stalled').length);
  if (failure) findings.failed(new Set(runs.map((run) => run.identityPoolId)), failure);
}

function isSameRun(one: PublishRun, other: PublishRun): boolean {
  return one.identityPoolId === other.identityPoolId && one.startedAt === other.startedAt;
}

interface StreamContext {
  pools: readonly PoolLook[];
  openGaps: readonly Gap[];
  /** Before this poll. */
  seen: readonly SeenStreaming[];
}

/**
 * Keeps whether records may have left the stream before they were projected: every pool on it misses some then.
 * @throws {EvidenceError}
 */
export async function findExpiry(
  deps: PollDeps,
  streamName: string,
  { pools, openGaps, seen }: StreamContext,
  findings: PollFindings,
): Promise<void> {
  const streaming = pools.filter((pool) => pool.streamName === streamName);
  if (streaming.length === 0) return;
  await keepRemade(deps, streamName, seen, findings);
  const now = deps.now();
  const since = await findExpired(deps, streamName, now);
  for (const { identityPoolId } of streaming) {
    const cause = 'expired';
    const isOpen = openGaps.some((gap) => gap.identityPoolId === identityPoolId && gap.cause === cause);
    if (since === null && isOpen) await deps.store.endGaps({ identityPoolId, cause, until: now });
    if (since === null || isOpen) continue;
    await deps.store.openGap({ identityPoolId, since, cause, until: null });
    findings.missing({ identityPoolId, since, cause });
  }
}

/** A gap of every pool that is known to stream to a stream that was made anew, over at once. */
async function keepRemade(
  { store, streams, now }: PollDeps,
  streamName: string,
  seen: readonly SeenStreaming[],
  findings: PollFindings,
): Promise<void> {
  const remade = await findRemade({ store, streams }, streamName, seen);
  if (remade === null) return;
  const { createdAt, since, shards } = remade;
  // A clock that is behind does not make it end before it began.
  const until = Math.max(now(), createdAt);
  const concerned = (await store.readSeen()).filter((one) => one.isEnabled && one.streamName === streamName);
  for (const one of concerned) {
    const gap = { identityPoolId: one.identityPoolId, since, cause: 'expired' as const };
    await store.openGap({ ...gap, until });
    findings.missing(gap);
  }
  // Once the gaps are kept, so that it is found again where this is cut off.
  for (const one of concerned) {
    if (one.checkedAt < createdAt) await store.keepSeen({ ...one, checkedAt: createdAt });
  }
  for (const { shardId } of shards) await store.keepEmpty(streamName, shardId, createdAt);
}
