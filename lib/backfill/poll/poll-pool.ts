import { followRuns } from '../follow-run.ts';
import { EvidenceError } from '../ports/evidence.ts';
import type { Gap, OpenRun, PublishRun, SeenStreaming } from '../publish-model.ts';
import { isOpen } from '../run-transitions.ts';
import { streamingChange } from '../streaming-gap.ts';
import { decideStart } from './decide-start.ts';
import type { PollFindings } from './poll-findings.ts';
import type { PollDeps, PolledPool } from './poll-model.ts';

/** Minimum time between two writes of unchanged streaming settings. */
const KEEP_SEEN_MS = 60_000;

/**
 * Reads a pool's streaming settings and the status of its last bulk publish from the service. Saves the settings and
 * the status. Starts a bulk publish if the policy requires it. Adds the results to `findings`. If the pool uses a
 * stream that is not projected, only the pool's streaming settings are saved. They are needed to detect a gap if the
 * pool used the projected stream before.
 *
 * @throws {SyncClientError} the service did not respond, or rejected a request
 */
export async function pollPool(
  deps: PollDeps,
  identityPoolId: string,
  { before, openGaps }: { before: SeenStreaming | null; openGaps: readonly Gap[] },
  findings: PollFindings,
): Promise<PolledPool> {
  const { api, store, now } = deps;
  const { isEnabled, streamName } = await api.readStreaming(identityPoolId);
  const seen: SeenStreaming = { identityPoolId, streamName, isEnabled, checkedAt: now() };
  if (isElsewhere(seen, deps.streamName)) {
    findings.elsewhere(identityPoolId);
    await recordStreaming(deps, { before, seen, openGaps, publishedAt: null }, findings);
    return { identityPoolId, streamName: null, open: openRuns(await store.readRuns(identityPoolId)) };
  }
  const details = await api.readPublishDetails(identityPoolId);
  // If the pool changed its stream, the last bulk publish may have used the previous stream. In that case, the bulk
  // publish proves nothing about the current stream.
  const hasMoved = before?.isEnabled === true && before.streamName !== streamName;
  const publishedAt = hasMoved ? null : details.startedAt;
  await recordStreaming(deps, { before, seen, openGaps, publishedAt }, findings);

  const stored = await store.readRuns(identityPoolId);
  const known = stored.find(({ startedAt }) => startedAt === details.startedAt);
  const isUnread = known === undefined || (known.status === 'IN_PROGRESS' && known.streamCreatedAt === null);
  const changed = followRuns(stored, {
    identityPoolId,
    details,
    streamName: hasMoved ? null : streamName,
    streamCreatedAt: isUnread && !hasMoved ? await readCreation(deps, streamName, details.startedAt) : null,
    now: now(),
  });
  for (const run of changed) {
    await store.saveRun(run);
    const before = stored.find(({ startedAt }) => startedAt === run.startedAt);
    if (before?.status !== run.status) findings.transitioned(run, run.status);
  }
  const runs = merge(stored, changed);
  if (decideStart(deps.policy, { isEnabled, runs }, now())) {
    findings.started({ identityPoolId, answer: await api.startPublish(identityPoolId) });
  }
  return { identityPoolId, streamName: isEnabled ? streamName : null, open: openRuns(runs) };
}

/**
 * Returns the creation time of the stream on which a bulk publish started. Null if the stream cannot be read, or may
 * have been recreated since the bulk publish started.
 */
async function readCreation(
  { store, streams }: PollDeps,
  streamName: string | null,
  startedAt: number | null,
): Promise<number | null> {
  if (streamName === null || startedAt === null) return null;
  try {
    const createdAt = await streams.readCreatedAt(streamName);
    const isSame = startedAt >= createdAt || (await store.readSeenCreation(streamName)) === createdAt;
    return isSame ? createdAt : null;
  } catch (error) {
    if (error instanceof EvidenceError) return null;
    throw error;
  }
}

function isElsewhere({ isEnabled, streamName }: SeenStreaming, ours: string | null): boolean {
  return isEnabled && ours !== null && streamName !== ours;
}

async function recordStreaming(
  { store, keepsStreaming, streamName: ours }: PollDeps,
  {
    before,
    seen,
    openGaps,
    publishedAt,
  }: {
    before: SeenStreaming | null;
    seen: SeenStreaming;
    openGaps: readonly Gap[];
    publishedAt: number | null;
  },
  findings: PollFindings,
): Promise<void> {
  if (!keepsStreaming) return;
  const { identityPoolId } = seen;
  // A pool whose stream is not projected counts as not streaming: its changes do not reach this query store.
  const here = (one: SeenStreaming) => (isElsewhere(one, ours) ? { ...one, isEnabled: false } : one);
  const { opens, endsAt } = streamingChange(before && here(before), here(seen), publishedAt);
  if (opens) {
    await store.openGap(opens);
    findings.gapFound(opens);
  }
  const isOpen = openGaps.some(
    (gap) => gap.identityPoolId === identityPoolId && gap.cause === 'streaming-off',
  );
  if (endsAt !== null && isOpen)
    await store.endGaps({ identityPoolId, cause: 'streaming-off', until: endsAt });
  const isSame = before?.isEnabled === seen.isEnabled && before.streamName === seen.streamName;
  // Unchanged settings are not saved at every poll. A later gap can therefore start slightly too early, which is
  // harmless.
  if (!isSame || Math.abs(seen.checkedAt - before.checkedAt) >= KEEP_SEEN_MS) await store.keepSeen(seen);
}

function merge(stored: readonly PublishRun[], changed: readonly PublishRun[]): PublishRun[] {
  const byStart = new Map([...stored, ...changed].map((run) => [run.startedAt, run]));
  return [...byStart.values()].sort((one, other) => other.startedAt - one.startedAt);
}

/** Omits runs that are older than a projected run, because a projected run supersedes them. @param runs newest first */
function openRuns(runs: readonly PublishRun[]): OpenRun[] {
  const projectedAt = runs.findIndex(({ completeness }) => completeness === 'projected');
  return runs.slice(0, projectedAt < 0 ? runs.length : projectedAt).filter(isOpen);
}
