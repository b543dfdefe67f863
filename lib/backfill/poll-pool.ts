import { decideStart } from './decide-start.ts';
import { followRuns } from './follow-run.ts';
import type { PollFindings } from './poll-findings.ts';
import type { PollDeps, PoolLook } from './poll-model.ts';
import type { Gap, OpenRun, PublishRun, SeenStreaming } from './publish-model.ts';
import { isOpen } from './run-transitions.ts';
import { streamingChange } from './streaming-gap.ts';

/** Written no more often, where nothing has changed. */
const KEEP_SEEN_MS = 60_000;

/**
 * Where a pool streams to and how its last bulk publish stands, as the service says it: keeps both, and starts a bulk
 * publish where the policy says so. What it finds goes into `findings`. A pool that streams to another stream than the
 * one that is projected is left alone, but that it may have streamed to this one before.
 *
 * @throws {SyncApiError}
 */
export async function pollPool(
  deps: PollDeps,
  identityPoolId: string,
  { before, openGaps }: { before: SeenStreaming | null; openGaps: readonly Gap[] },
  findings: PollFindings,
): Promise<PoolLook> {
  const { api, store, now } = deps;
  const { isEnabled, streamName } = await api.readStreaming(identityPoolId);
  const seen: SeenStreaming = { identityPoolId, streamName, isEnabled, checkedAt: now() };
  if (isElsewhere(seen, deps.streamName)) {
    findings.elsewhere(identityPoolId);
    await keepStreaming(deps, { before, seen, openGaps, publishedAt: null }, findings);
    return { identityPoolId, streamName: null, open: openRuns(await store.readRuns(identityPoolId)) };
  }
  const details = await api.readPublishDetails(identityPoolId);
  // What began before now may have gone to where the pool streamed before, and then proves nothing of here.
  const hasMoved = before?.isEnabled === true && before.streamName !== streamName;
  const publishedAt = hasMoved ? null : details.startedAt;
  await keepStreaming(deps, { before, seen, openGaps, publishedAt }, findings);

  const stored = await store.readRuns(identityPoolId);
  const changed = followRuns(stored, {
    identityPoolId,
    details,
    streamName: hasMoved ? null : streamName,
    now: now(),
  });
  for (const run of changed) {
    await store.saveRun(run);
    findings.moved(run, run.status);
  }
  const runs = merge(stored, changed);
  if (decideStart(deps.policy, { isEnabled, runs }, now())) {
    findings.started({ identityPoolId, answer: await api.startPublish(identityPoolId) });
  }
  return { identityPoolId, streamName: isEnabled ? streamName : null, open: openRuns(runs) };
}

function isElsewhere({ isEnabled, streamName }: SeenStreaming, ours: string | null): boolean {
  return isEnabled && ours !== null && streamName !== ours;
}

async function keepStreaming(
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
  // Of what is missing here, streaming elsewhere is as good as none.
  const here = (one: SeenStreaming) => (isElsewhere(one, ours) ? { ...one, isEnabled: false } : one);
  const { opens, endsAt } = streamingChange(before && here(before), here(seen), publishedAt);
  if (opens) {
    await store.openGap(opens);
    findings.missing(opens);
  }
  const isOpen = openGaps.some(
    (gap) => gap.identityPoolId === identityPoolId && gap.cause === 'streaming-off',
  );
  if (endsAt !== null && isOpen)
    await store.endGaps({ identityPoolId, cause: 'streaming-off', until: endsAt });
  const isSame = before?.isEnabled === seen.isEnabled && before.streamName === seen.streamName;
  // Written down late, a gap begins too early, which does no harm.
  if (!isSame || Math.abs(seen.checkedAt - before.checkedAt) >= KEEP_SEEN_MS) await store.keepSeen(seen);
}

function merge(stored: readonly PublishRun[], changed: readonly PublishRun[]): PublishRun[] {
  const byStart = new Map([...stored, ...changed].map((run) => [run.startedAt, run]));
  return [...byStart.values()].sort((one, other) => other.startedAt - one.startedAt);
}

/** What a later bulk publish has brought, an earlier one need not. @param runs newest first */
function openRuns(runs: readonly PublishRun[]): OpenRun[] {
  const projectedAt = runs.findIndex(({ completeness }) => completeness === 'projected');
  return runs.slice(0, projectedAt < 0 ? runs.length : projectedAt).filter(isOpen);
}
