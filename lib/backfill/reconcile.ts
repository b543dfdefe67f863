import type { DatasetKey } from '../common/dataset-key.ts';
import type { QueryStore } from '../projection/query-store.ts';
import { createPacedCalls, type PacedCalls, type PacedCallsOptions } from './reconcile-calls.ts';
import { compareDataset, type SkipReason } from './reconcile-comparison.ts';
import type { ReconcilePosition, ReconcileStore } from './reconcile-store.ts';
import { type SyncClient, type SyncClientCondition, SyncClientError } from './sync-client.ts';

/** Amazon publishes no rate; it is low enough not to be in the way of an app's devices. */
const MAX_CALLS_PER_SECOND = 10;
/** Identities that are read at once. */
const STEP = 100;

export interface ReconcileDeps extends Pick<PacedCallsOptions, 'now' | 'sleep'> {
  api: Pick<SyncClient, 'readStreaming' | 'listDatasets' | 'listRecords'>;
  store: ReconcileStore & Pick<QueryStore, 'apply'>;
  /** Calls begun in a second, at most; 10 unless given. A listing of several pages counts as one. */
  maxCallsPerSecond?: number;
}

/** In datasets. */
export interface ReconcileProgress {
  compared: number;
  /** Of those compared: in which something was mended. */
  repaired: number;
  total: number;
}

export interface ReconcileOptions {
  identityPoolId: string;
  /** Begins again where one before was cut off. */
  anew?: boolean;
  /** Ends it before the next dataset. */
  signal?: AbortSignal;
  onProgress?: (progress: ReconcileProgress) => void;
  onSkipped?: (dataset: DatasetKey, reason: SkipReason) => void;
}

/** `compared` and `repaired` are of all calls since it began, the others of this one. */
export interface ReconcileOutcome extends ReconcileProgress {
  /** `stopped`: by the signal; otherwise why the service did not answer. Where it is not finished, the next call goes on. */
  end: 'finished' | 'stopped' | SyncClientCondition;
  /** What the service said where it did not answer. */
  message: string | null;
  /** Epoch milliseconds; null where it did not even begin. */
  startedAt: number | null;
  /** Datasets that were left as they are. */
  skipped: number;
  /** Records that no SQL text can hold. */
  leftOut: number;
  /** Gaps that this mended; those that were not over when it began stay. */
  gapsMended: number;
  /** False where the pool does not stream: what is removed from now on will be missing again. */
  isStreaming: boolean;
}

/**
 * Compares what the query store has of a pool with what the service lists, dataset by dataset, and mends it through the
 * projection's own write path. It asks for the datasets that the store knows, and for others of the same identities; an
 * identity that the store has never heard of is not found this way, a bulk publish brings it. Goes on where the call
 * before was cut off. May run beside the projection: what is written meanwhile is newer, and stays.
 *
 * @throws {DatabaseError} what was done until then is done
 */
export async function reconcile(deps: ReconcileDeps, options: ReconcileOptions): Promise<ReconcileOutcome> {
  const { api, store, now, sleep, maxCallsPerSecond = MAX_CALLS_PER_SECOND } = deps;
  const { identityPoolId, anew = false, signal } = options;
  const ask = createPacedCalls({ maxCallsPerSecond, now, sleep, signal });
  const outcome = notBegun();
  try {
    // Who does not know the pool lists nothing of it, which must not be taken for its removal.
    outcome.isStreaming = (await ask(() => api.readStreaming(identityPoolId))).isEnabled;
    const position = await store.beginReconciliation(identityPoolId, now(), { anew });
    const run = { deps, options, ask, outcome, position };
    await resume(run);
    for await (const identityId of identitiesFrom(run)) {
      if (signal?.aborted) return { ...outcome, end: 'stopped' };
      await compareIdentity(run, identityId);
    }
    if (signal?.aborted) return { ...outcome, end: 'stopped' };
    const gapsMended = await store.finishReconciliation(identityPoolId, position, now());
    return { ...outcome, end: 'finished', gapsMended };
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    return { ...outcome, end: signal?.aborted ? 'stopped' : error.condition, message: error.message };
  }
}

/** One call of `reconcile`. `outcome` and `position` are kept up to date. */
interface Run {
  deps: ReconcileDeps;
  options: ReconcileOptions;
  ask: PacedCalls;
  outcome: ReconcileOutcome;
  position: ReconcilePosition;
}

function notBegun(): ReconcileOutcome {
  return {
    end: 'stopped',
    message: null,
    startedAt: null,
    compared: 0,
    repaired: 0,
    total: 0,
    skipped: 0,
    leftOut: 0,
    gapsMended: 0,
    isStreaming: false,
  };
}

async function resume({ deps, options, outcome, position }: Run): Promise<void> {
  const { startedAt, compared, repaired } = position;
  const total = await deps.store.countDatasets(options.identityPoolId);
  Object.assign(outcome, { startedAt, compared, repaired, total });
  options.onProgress?.({ compared, repaired, total });
}

/** The identity at which the call before was cut off comes first: it may have more datasets. */
async function* identitiesFrom({ deps, options, position: { after } }: Run): AsyncGenerator<string> {
  let last = after?.identityId ?? '';
  if (after) yield last;
  for (;;) {
    const step = await deps.store.listIdentities(options.identityPoolId, last, STEP);
    yield* step;
    last = step.at(-1) ?? last;
    if (step.length < STEP) return;
  }
}

async function compareIdentity(run: Run, identityId: string): Promise<void> {
  const { deps, options, ask, position } = run;
  const { identityPoolId, signal } = options;
  const known = await deps.store.listNames(identityPoolId, identityId);
  const named = new Set(await ask(() => deps.api.listDatasets(identityPoolId, identityId)));
  const { after } = position;
  const names = [...named.union(new Set(known))]
    .filter((name) => after?.identityId !== identityId || name > after.datasetName)
    .sort();
  try {
    for (const datasetName of names) {
      if (signal?.aborted) return;
      const dataset = { identityPoolId, identityId, datasetName };
      await compareNext(run, dataset, named.has(datasetName));
      position.after = { identityId, datasetName };
    }
  } finally {
    await deps.store.keepReconciliation(identityPoolId, position);
  }
}

async function compareNext(run: Run, dataset: DatasetKey, isNamed: boolean): Promise<void> {
  const { deps, options, ask, outcome, position } = run;
  const listRecords: SyncClient['listRecords'] = (key) => ask(() => deps.api.listRecords(key));
  const { result, leftOut } = await compareDataset({ store: deps.store, listRecords }, dataset, isNamed);
  position.compared += 1;
  if (result === 'repaired') position.repaired += 1;
  else if (result !== 'same') {
    outcome.skipped += 1;
    options.onSkipped?.(dataset, result);
  }
  outcome.leftOut += leftOut;
  outcome.compared = position.compared;
  outcome.repaired = position.repaired;
  // Datasets that the store had not known come on top.
  outcome.total = Math.max(outcome.total, position.compared);
  const { compared, repaired, total } = outcome;
  options.onProgress?.({ compared, repaired, total });
}
