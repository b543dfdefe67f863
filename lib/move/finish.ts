import { SyncClientError } from '../backfill/ports/sync-client.ts';
import { createPacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import { datasetKeyText } from '../projection/fold-events.ts';
import { type FinishReads, type FinishReason, reasonsLeft, stateReasons } from './finish-reasons.ts';
import { describeFinish, type FinishReport, type Found } from './finish-report.ts';
import { listAgain } from './list-again.ts';
import { NAMED, type Named } from './named.ts';
import { findOnlyChangedHere } from './only-changed-here.ts';
import type { MovingPool } from './ports/move-store.ts';
import { type TakeOverDeps, takeOverUncompared } from './take-over.ts';
import { replicasIn, takeOverAll } from './take-over-pool.ts';
import { type VerifyDeps, verifyPool } from './verify.ts';

/** If the bridge makes no progress for this long, the report names the datasets that wait for the bridge. */
const BRIDGE_WAIT_MS = 30_000;
const PAUSE_MS = 1_000;

interface FinishDeps
  extends Omit<TakeOverDeps, 'paced' | 'onSkipped'>,
    Pick<VerifyDeps, 'random'>,
    FinishReads {
  /** Maximum number of calls to the origin per second. */
  maxCallsPerSecond: number;
}

export interface FinishOptions {
  pool: MovingPool;
  /** For how long no old version of the app must have written at the origin, milliseconds. */
  quietForMs: number;
  /** Reasons that do not prevent the end of the migration. */
  ignored: ReadonlySet<FinishReason>;
  /** Finds out what would prevent the end of the migration, but changes nothing. */
  isDryRun: boolean;
  signal: AbortSignal;
  onProgress?: (step: 'listed' | 'taken over' | 'compared', done: number, total: number) => void;
}

/**
 * Finishes the migration of a pool if no work remains: the copy is complete, no event is missing, no old version has
 * written at the origin for the chosen period, this service owns all identities, the bridge has no work, and both sides
 * have equal values. Takes over the identities that are still replicas, and waits for the bridge. Can be repeated.
 *
 * If work remains, the migration is not finished, unless the options ignore every reason. If the options ignore
 * `replicas`, this service takes over the replicas that cannot be compared with the origin, with the data that they
 * have here. Nothing is deleted: datasets that wait for the bridge remain marked, and after a later copy, the bridge
 * continues with them.
 *
 * @throws {SyncClientError} the origin did not respond, and the options do not ignore `origin`
 */
export async function finishPool(deps: FinishDeps, options: FinishOptions): Promise<FinishReport> {
  const { finishes, now } = deps;
  const { pool, quietForMs, ignored, isDryRun, signal } = options;
  const refuses = (given: readonly FinishReason[]) => given.some((reason) => !ignored.has(reason));
  const { identityPoolId } = pool;
  const about = { identityPoolId, quietForMs, isDryRun, lastOldWrite: pool.lastOldWrite };
  const found: Found = {
    takenOver: 0,
    uncompared: 0,
    notTakenOver: [],
    differences: null,
    newLogins: { total: 0, items: [] },
    newlyMarked: null,
  };
  let reasons: FinishReason[] = [];
  const report = async (outcome: FinishReport['outcome']): Promise<FinishReport> => ({
    outcome,
    reasons,
    ...(await describeFinish(deps, identityPoolId, found)),
  });
  if (pool.finishedAt !== null) return report('already-finished');
  reasons = await stateReasons(deps, about);
  if (!refuses(reasons) || isDryRun) {
    const left: FinishReason[] = [];
    try {
      await finishWork(deps, options, found);
    } catch (error) {
      if (!(error instanceof SyncClientError) || signal.aborted || !(ignored.has('origin') || isDryRun))
        throw error;
      left.push('origin');
    }
    if (signal.aborted) return report('stopped');
    left.push(...(await reasonsLeft(deps, { ...about, ...found })));
    // Read after the marks: `hintChange` saves the date of an old version's write before it marks the dataset. If the
    // mark was not visible yet, the date is read here.
    reasons = [...(await stateReasons(deps, about)), ...left];
  }
  const isRefused = refuses(reasons);
  if (isRefused || isDryRun) return report(isRefused ? 'refused' : 'would-finish');
  // Counted before the takeovers: an identity that is created later may be a replica, so `finish` compares this number.
  const { identities } = await deps.store.countIdentities(identityPoolId, 0);
  const rest = await takeOverRest(deps, identityPoolId);
  found.uncompared = rest.taken;
  found.takenOver += rest.taken;
  const finishing = { startedAt: pool.startedAt, at: now(), identities };
  // After the end of the migration, a remaining replica would never be followed or taken over again.
  const isFinished = rest.left === 0 && (await finishes.finish(identityPoolId, finishing));
  if (!isFinished) reasons.push('busy');
  return report(isFinished ? 'finished' : 'refused');
}

/**
 * Takes over the remaining replicas, waits for the bridge, and compares both sides. A dry run only compares. Identities
 * are listed at the origin twice: first to take over the new ones, and last because logins can be added during the
 * comparison. The identities that were created during the comparison are taken over at the end.
 */
async function finishWork(deps: FinishDeps, options: FinishOptions, found: Found): Promise<void> {
  const { store } = deps;
  const { pool, isDryRun, signal, onProgress } = options;
  const { identityPoolId } = pool;
  let since = await deps.bridge.readMarkClock();
  if (!isDryRun) {
    await listIdentities(deps, options);
    await takeOverReplicas(deps, options, found);
    since = await deps.bridge.readMarkClock();
    await waitForBridge(deps, options, since);
  }
  if (signal.aborted) return;
  const verifyStore = isDryRun ? { ...store, saveVerification: async () => undefined } : store;
  const verified = await verifyPool(
    { ...deps, store: verifyStore },
    {
      identityPoolId,
      sample: null,
      signal,
      onProgress: (done, total) => onProgress?.('compared', done, total),
    },
  );
  found.newLogins = await listIdentities(deps, options);
  if (!isDryRun) await takeOverReplicas(deps, options, found);
  const paced = createPacedCalls({ ...deps, signal });
  const about = { identityPoolId, since, signal };
  const newlyMarked = await findOnlyChangedHere({ ...deps, paced }, about);
  found.newlyMarked = newlyMarked;
  found.differences = verified.differences.filter(({ identityId, datasetName, isTakenOver }) => {
    const isDataset = isTakenOver && datasetName !== null;
    return (
      !isDataset || !newlyMarked.onlyHere.has(datasetKeyText({ identityPoolId, identityId, datasetName }))
    );
  });
}

async function takeOverReplicas(deps: FinishDeps, options: FinishOptions, found: Found): Promise<void> {
  const { pool, signal, onProgress } = options;
  // The second takeover finds the problems of the first one again. Each problem is reported once.
  const named = new Set(found.notTakenOver.map((problem) => JSON.stringify(problem)));
  const { takenOver } = await takeOverAll(deps, {
    identityPoolId: pool.identityPoolId,
    identityId: null,
    signal,
    onProgress: (done, total) => onProgress?.('taken over', done, total),
    onSkipped: (problem) => {
      if (found.notTakenOver.length < NAMED && !named.has(JSON.stringify(problem)))
        found.notTakenOver.push(problem);
    },
  });
  found.takenOver += takenOver;
}

async function listIdentities(deps: FinishDeps, options: FinishOptions): Promise<Named<string>> {
  const { pool, isDryRun, signal, onProgress } = options;
  const developerProvider = await deps.takeOvers.developerProviderOf(pool.identityPoolId);
  const { identities } = await deps.store.countIdentities(pool.identityPoolId, 0);
  const listed = (done: number) => onProgress?.('listed', done, Math.max(done, identities));
  const about = { pool, developerProvider, isDryRun, signal, onProgress: listed };
  return listAgain({ ...deps, paced: createPacedCalls({ ...deps, signal }) }, about);
}

/** Waits until no dataset that was marked before `since` waits for the bridge, or the bridge makes no progress. */
async function waitForBridge(
  { bridge, now, sleep }: FinishDeps,
  { pool, signal }: FinishOptions,
  since: number,
): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  let until = now() + BRIDGE_WAIT_MS;
  while (!signal.aborted) {
    const marks = await bridge.countOlder(pool.identityPoolId, since);
    if (marks < least) until = now() + BRIDGE_WAIT_MS;
    least = Math.min(least, marks);
    if (marks === 0 || now() >= until) return;
    await sleep(PAUSE_MS);
  }
}

/** Takes over the identities that are still replicas, without a comparison. */
async function takeOverRest(
  deps: FinishDeps,
  identityPoolId: string,
): Promise<{ taken: number; left: number }> {
  const result = { taken: 0, left: 0 };
  for await (const replicas of replicasIn(deps, { identityPoolId, identityId: null }))
    for (const { identityId } of replicas)
      result[(await takeOverUncompared(deps, { identityPoolId, identityId })) ? 'taken' : 'left'] += 1;
  return result;
}
