import type { Gap, PublishRun, SeenStreaming } from '../publish-model.ts';
import { evaluateRuns } from './evaluate-runs.ts';
import { findExpired } from './find-expired.ts';
import { findRemade } from './find-remade.ts';
import type { PollFindings } from './poll-findings.ts';
import type { PollDeps, PolledPool } from './poll-model.ts';

/** Evaluates the bulk publishes on a stream that are not projected yet, and saves the results. */
export async function evaluateStream(
  deps: PollDeps,
  streamName: string,
  pools: readonly PolledPool[],
  findings: PollFindings,
): Promise<void> {
  const runs = pools.flatMap(({ open }) => open.filter((run) => run.streamName === streamName));
  if (runs.length === 0) return;
  const { evaluated, failure } = await evaluateRuns(deps, streamName, runs);
  for (const run of evaluated) {
    await deps.store.saveRun(run);
    const before = runs.find((one) => isSameRun(one, run));
    if (before?.completeness !== run.completeness) findings.transitioned(run, run.completeness);
  }
  const now = runs.map((run) => evaluated.find((one) => isSameRun(one, run)) ?? run);
  findings.stalled(now.filter(({ completeness }) => completeness === 'stalled').length);
  if (failure) findings.failed(new Set(runs.map((run) => run.identityPoolId)), failure);
}

function isSameRun(one: PublishRun, other: PublishRun): boolean {
  return one.identityPoolId === other.identityPoolId && one.startedAt === other.startedAt;
}

interface StreamContext {
  pools: readonly PolledPool[];
  openGaps: readonly Gap[];
  /** The stream of each pool, as seen before this poll. */
  seen: readonly SeenStreaming[];
}

/**
 * If records may have expired from the stream before they were projected, opens a gap for every pool on the stream. A
 * gap is a period whose removals may be missing in the query store. If no record can have expired, ends the open gaps
 * with the cause `expired`. Also records a gap if the stream was recreated.
 *
 * @throws {EvidenceError} the stream could not be read
 */
export async function findExpiry(
  deps: PollDeps,
  streamName: string,
  { pools, openGaps, seen }: StreamContext,
  findings: PollFindings,
): Promise<void> {
  const streaming = pools.filter((pool) => pool.streamName === streamName);
  if (streaming.length === 0) return;
  await recordRecreation(deps, streamName, seen, findings);
  const now = deps.now();
  const since = await findExpired(deps, streamName, now);
  for (const { identityPoolId } of streaming) {
    const cause = 'expired';
    const isOpen = openGaps.some((gap) => gap.identityPoolId === identityPoolId && gap.cause === cause);
    if (since === null && isOpen) await deps.store.endGaps({ identityPoolId, cause, until: now });
    if (since === null || isOpen) continue;
    await deps.store.openGap({ identityPoolId, since, cause, until: null });
    findings.gapFound({ identityPoolId, since, cause });
  }
}

/**
 * If the stream was recreated, records a gap, which has already ended, for every pool that is known to use the stream.
 */
async function recordRecreation(
  { store, streams, now }: PollDeps,
  streamName: string,
  seen: readonly SeenStreaming[],
  findings: PollFindings,
): Promise<void> {
  const remade = await findRemade({ store, streams }, streamName, seen);
  if (remade === null) return;
  const { createdAt, since, shards } = remade;
  // If the local clock is behind, the gap must still not end before it started.
  const until = Math.max(now(), createdAt);
  const affected = (await store.readSeen()).filter((one) => one.isEnabled && one.streamName === streamName);
  for (const one of affected) {
    const gap = { identityPoolId: one.identityPoolId, since, cause: 'expired' as const };
    await store.openGap({ ...gap, until });
    findings.gapFound(gap);
  }
  for (const { shardId } of shards) await store.keepEmpty(streamName, shardId, createdAt);
  // Save the creation time last. If this function is interrupted before, the next poll detects the new stream again.
  await store.keepSeenCreation(streamName, createdAt);
}
