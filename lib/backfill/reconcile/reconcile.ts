import type { DatasetKey } from '../../common/dataset-key.ts';
import type { QueryStore } from '../../projection/ports/query-store.ts';
import type { ReconcilePosition, ReconcileStore } from '../ports/reconcile-store.ts';
import { type SyncClient, type SyncClientCondition, SyncClientError } from '../ports/sync-client.ts';
import { createPacedCalls, type PacedCalls, type PacedCallsOptions } from './reconcile-calls.ts';
import { compareDataset, type SkipReason } from './reconcile-comparison.ts';

/** Amazon publishes no rate limit. This rate is low enough not to slow down an app's devices. */
const MAX_CALLS_PER_SECOND = 10;
/** Identities per query. */
const PAGE = 100;

export interface ReconcileDeps extends Pick<PacedCallsOptions, 'now' | 'sleep'> {
  api: Pick<SyncClient, 'readStreaming' | 'listDatasets' | 'listRecords'>;
  store: ReconcileStore & Pick<QueryStore, 'apply'>;
  /** Maximum number of calls started per second; default 10. A listing of several pages counts as one call. */
  maxCallsPerSecond?: number;
}

/** Numbers of datasets. */
export interface ReconcileProgress {
  compared: number;
  /** Number of compared datasets in which something was repaired. */
  repaired: number;
  total: number;
}

export interface ReconcileOptions {
  identityPoolId: string;
  /** Starts from the beginning even if the previous reconciliation was interrupted. */
  restart?: boolean;
  /** Stops the reconciliation before the next dataset. */
  signal?: AbortSignal;
  onProgress?: (progress: ReconcileProgress) => void;
  onSkipped?: (dataset: DatasetKey, reason: SkipReason) => void;
}

/**
 * `compared` and `repaired` include all calls since the reconciliation started. The other members concern only this
 * call.
 */
export interface ReconcileOutcome extends ReconcileProgress {
  /**
   * `stopped`: the signal stopped the call. A `SyncClientCondition` says why the service did not respond with a result.
   * Unless the end is `finished`, the next call continues the reconciliation.
   */
  end: 'finished' | 'stopped' | SyncClientCondition;
  /** The error text of the service if it did not respond. */
  message: string | null;
  /** Epoch milliseconds; null if the reconciliation did not start. */
  startedAt: number | null;
  /** Datasets that were skipped. */
  skipped: number;
  /** Records that SQL text cannot store. */
  leftOut: number;
  /** Gaps that this call repaired. Gaps that had not ended when the reconciliation started remain open. */
  gapsRepaired: number;
  /** False if the pool does not stream. Later removals will then be missing again. */
  isStreaming: boolean;
}

/**
 * Compares a pool's datasets in the query store with the service and repairs differences through the projection's own
 * write path. Covers the datasets that the store knows, and any other datasets of the same identities. Identities that
 * the store does not know are not found; a bulk publish adds these identities. Continues where an interrupted call
 * ended. Can run concurrently with the projection: anything written in the meantime is newer and remains.
 *
 * @throws {DatabaseError} a statement failed; the repairs before the failure are kept
 */
export async function reconcile(deps: ReconcileDeps, options: ReconcileOptions): Promise<ReconcileOutcome> {
  const { api, store, now, sleep, maxCallsPerSecond = MAX_CALLS_PER_SECOND } = deps;
  const { identityPoolId, restart = false, signal } = options;
  const paced = createPacedCalls({ maxCallsPerSecond, now, sleep, signal });
  const outcome = notStarted();
  try {
    // Call readStreaming first, because it fails if the service does not know the pool. The list calls would return
    // empty lists instead, and all data would be taken for deleted.
    outcome.isStreaming = (await paced(() => api.readStreaming(identityPoolId))).isEnabled;
    const position = await store.beginReconciliation(identityPoolId, now(), { restart });
    const run = { deps, options, paced, outcome, position };
    await resume(run);
    for await (const identityId of identitiesFrom(run)) {
      if (signal?.aborted) return { ...outcome, end: 'stopped' };
      await compareIdentity(run, identityId);
    }
    if (signal?.aborted) return { ...outcome, end: 'stopped' };
    const gapsRepaired = await store.finishReconciliation(identityPoolId, position, now());
    return { ...outcome, end: 'finished', gapsRepaired };
  } catch (error) {
    if (!(error instanceof SyncClientError)) throw error;
    return { ...outcome, end: signal?.aborted ? 'stopped' : error.condition, message: error.message };
  }
}

/** One call of `reconcile`. `outcome` and `position` are updated as the call proceeds. */
interface Run {
  deps: ReconcileDeps;
  options: ReconcileOptions;
  paced: PacedCalls;
  outcome: ReconcileOutcome;
  position: ReconcilePosition;
}

function notStarted(): ReconcileOutcome {
  return {
    end: 'stopped',
    message: null,
    startedAt: null,
    compared: 0,
    repaired: 0,
    total: 0,
    skipped: 0,
    leftOut: 0,
    gapsRepaired: 0,
    isStreaming: false,
  };
}

async function resume({ deps, options, outcome, position }: Run): Promise<void> {
  const { startedAt, compared, repaired } = position;
  const total = await deps.store.countDatasets(options.identityPoolId);
  Object.assign(outcome, { startedAt, compared, repaired, total });
  options.onProgress?.({ compared, repaired, total });
}

/**
 * Yields first the identity at which the previous call was interrupted, because some datasets of that identity may not
 * be compared yet.
 */
async function* identitiesFrom({ deps, options, position: { after } }: Run): AsyncGenerator<string> {
  let last = after?.identityId ?? '';
  if (after) yield last;
  for (;;) {
    const page = await deps.store.listIdentities(options.identityPoolId, last, PAGE);
    yield* page;
    last = page.at(-1) ?? last;
    if (page.length < PAGE) return;
  }
}

async function compareIdentity(run: Run, identityId: string): Promise<void> {
  const { deps, options, paced, position } = run;
  const { identityPoolId, signal } = options;
  const known = await deps.store.listNames(identityPoolId, identityId);
  const named = new Set(await paced(() => deps.api.listDatasets(identityPoolId, identityId)));
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
    await deps.store.saveReconciliation(identityPoolId, position);
  }
}

async function compareNext(run: Run, dataset: DatasetKey, isNamed: boolean): Promise<void> {
  const { deps, options, paced, outcome, position } = run;
  const listRecords: SyncClient['listRecords'] = (key) => paced(() => deps.api.listRecords(key));
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
  // The total was counted at the start. It does not include datasets that the store did not know then.
  outcome.total = Math.max(outcome.total, position.compared);
  const { compared, repaired, total } = outcome;
  options.onProgress?.({ compared, repaired, total });
}
