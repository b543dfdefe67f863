import { followRuns } from '../../../../lib/backfill/follow-run.ts';
import { needsPublishAfter } from '../../../../lib/backfill/needs-publish.ts';
import type { OperatedService } from '../../../../lib/backfill/ports/operated-service.ts';
import type { PublishStore } from '../../../../lib/backfill/ports/publish-store.ts';
import type { StatusStore } from '../../../../lib/backfill/ports/status-store.ts';
import { SyncClientError } from '../../../../lib/backfill/ports/sync-client.ts';
import type { PublishRun, SeenStreaming } from '../../../../lib/backfill/publish-model.ts';
import { streamingChange } from '../../../../lib/backfill/streaming-gap.ts';
import { describeFailure } from '../../with-service.ts';
import { readStream } from './read-stream.ts';
import type { PoolNow, PoolReport, StatusReport } from './status-report.ts';

export interface StatusDeps {
  store: StatusStore & Pick<PublishStore, 'readRuns' | 'readSeen'>;
  /** Null if the service could not be opened; `why` is then the reason. */
  service: OperatedService | null;
  why: string | null;
  now: () => number;
}

/**
 * Reads the state of pools, streams and the query store. The sources are the service, the streams and the query store
 * itself. Writes nothing.
 *
 * @param identityPoolId the pool to report; null for all pools that the service or the query store knows
 * @throws {SyncClientError} the pool `identityPoolId` does not exist; any other failure is part of the report
 */
export async function readStatus(deps: StatusDeps, identityPoolId: string | null): Promise<StatusReport> {
  const { store, service } = deps;
  const { ids, problem } =
    identityPoolId === null ? await listPools(deps) : { ids: [identityPoolId], problem: deps.why };
  const context = {
    seen: await store.readSeen(),
    gaps: await store.readGaps(),
    reconciliations: await store.readReconciliations(),
    quarantine: await store.countQuarantinedByReason(),
  };
  const pools: PoolReport[] = [];
  for (const id of ids) {
    const asked = await askPool(deps, id, identityPoolId !== null);
    pools.push(await reportPool(deps, id, asked, context));
  }
  const progress = await store.readProgress();
  const names = new Set(
    pools.flatMap(({ now, seen, lastRun }) => [streamOf(now, seen), lastRun?.streamName ?? null]),
  );
  const streams = [];
  for (const name of names) {
    if (name === null) continue;
    const stream = await readStream(service?.streams ?? null, name, progress, deps.now());
    const isStreamedTo = pools.some(({ now, seen }) => streamOf(now, seen) === name);
    streams.push({ ...stream, isStreamedTo });
  }
  const ofUnknownPool = context.quarantine.filter((entry) => entry.identityPoolId === null);
  return { service: service?.name ?? null, problem, pools, streams, ofUnknownPool };
}

async function listPools({
  service,
  store,
  why,
}: StatusDeps): Promise<{ ids: string[]; problem: string | null }> {
  const known = await store.listKnownPools();
  if (service === null) return { ids: known, problem: why };
  try {
    const ids = await service.api.listPools();
    // The list includes the pools that only the query store knows: it can still contain data of a deleted pool.
    return { ids: [...new Set([...ids, ...known])].sort(), problem: null };
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    return { ids: known, problem: describeFailure(error, service) };
  }
}

interface Asked {
  now: PoolNow | null;
  runs: (stored: readonly PublishRun[]) => PublishRun[];
  problem: string | null;
}

async function askPool(
  { service, now }: StatusDeps,
  identityPoolId: string,
  isNamed: boolean,
): Promise<Asked> {
  if (service === null) return { now: null, runs: () => [], problem: null };
  try {
    const settings = await service.settings.read(identityPoolId);
    const details = await service.api.readPublishDetails(identityPoolId);
    const { streamName } = settings.streaming;
    const runs: Asked['runs'] = (stored) =>
      followRuns(stored, { identityPoolId, details, streamName, now: now() });
    return { now: settings, runs, problem: null };
  } catch (error) {
    if (!(error instanceof SyncClientError) || (isNamed && error.condition === 'not-found')) throw error;
    return { now: null, runs: () => [], problem: describeFailure(error, service, identityPoolId) };
  }
}

interface Context {
  seen: readonly SeenStreaming[];
  gaps: Awaited<ReturnType<StatusStore['readGaps']>>;
  reconciliations: Awaited<ReturnType<StatusStore['readReconciliations']>>;
  quarantine: Awaited<ReturnType<StatusStore['countQuarantinedByReason']>>;
}

async function reportPool(
  { store, now }: StatusDeps,
  identityPoolId: string,
  asked: Asked,
  context: Context,
): Promise<PoolReport> {
  const isOfPool = (entry: { identityPoolId: string | null }) => entry.identityPoolId === identityPoolId;
  const stored = await store.readRuns(identityPoolId);
  const runs = [...asked.runs(stored), ...stored];
  const lastRun = runs.reduce<PublishRun | null>(
    (last, run) => (last === null || run.startedAt > last.startedAt ? run : last),
    null,
  );
  const seen = context.seen.find(isOfPool) ?? null;
  const gaps = context.gaps.filter(isOfPool);
  const unrepaired = gaps.filter(({ repairedAt }) => repairedAt === null);
  // If the pool's streaming has changed since the poller last observed it, the change may open a gap that is not stored
  // yet.
  const streaming = asked.now && { identityPoolId, ...asked.now.streaming, checkedAt: now() };
  const change = streaming && streamingChange(seen, streaming).opens;
  // The poller stores a gap before it stores the settings. Between these two writes, the list already has the gap.
  const isStored = gaps.some(({ cause, since }) => cause === change?.cause && since === change.since);
  const opens = isStored ? null : change;
  return {
    identityPoolId,
    now: asked.now,
    problem: asked.problem,
    seen,
    lastRun,
    gaps: opens ? [...unrepaired, opens] : unrepaired,
    needsPublishAfter: needsPublishAfter(opens ? [...gaps, opens] : gaps, runs),
    reconciliation: context.reconciliations.find(isOfPool) ?? null,
    quarantine: context.quarantine.filter(isOfPool),
  };
}

function streamOf(now: PoolNow | null, seen: PoolReport['seen']): string | null {
  const streaming = now?.streaming ?? seen;
  return streaming?.isEnabled ? streaming.streamName : null;
}
