import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { IdentityKey } from '../common/dataset-key.ts';
import { ValueRefusedError } from '../common/errors.ts';
import type { Mark } from '../sync/ports/mark.ts';
import { type BridgeDatasetDeps, bridgeDataset, LEASE_MS } from './bridge-dataset.ts';
import { allDone } from './copy-data.ts';
import { LeaseLostError } from './copy-run.ts';
import type { BridgeStore } from './ports/bridge-store.ts';
import type { Origin } from './ports/origin.ts';
import type { IdentityLease } from './ports/take-over-store.ts';

/** Maximum number of marks per run. A mark says that a dataset waits for the bridge. */
export const MARKS_PER_RUN = 100;
/**
 * Maximum number of identities that are bridged concurrently. This limits memory. The rate limit limits the calls to
 * the origin.
 */
const CONCURRENT = 4;
/** Maximum number of passes over a dataset per run. If devices keep changing the dataset, a later run continues. */
const PASSES = 5;
/** Pauses after failures. A transient failure is retried soon; a failure that needs someone's help, every hour. */
const MIN_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 5 * 60_000;
const PROBLEM_PAUSE_MS = 60 * 60_000;
/** The pause after a problem of the whole pool. Such a problem ends as soon as someone changes a setting. */
const POOL_PROBLEM_PAUSE_MS = 60_000;
/**
 * The pause after the end of a pool's migration: about a century. Only a later copy lets the bridge read the pool's
 * datasets again.
 */
const FINISHED_PAUSE_MS = 3_000_000_000_000;

export interface BridgeDeps extends Pick<BridgeDatasetDeps, 'onWritten' | 'now'> {
  store: BridgeStore;
  /**
   * Returns the origin of a pool, and a function that limits the rate of calls to it. Returns null if the origin is not
   * configured, and `finished` if the migration of the pool was finished.
   */
  originOf: (identityPoolId: string) => Promise<{ origin: Origin; paced: PacedCalls } | 'finished' | null>;
  /** Receives the problem of a dataset, if it needs someone's help. `error`: null if the origin is not configured. */
  onProblem?: (about: { identityPoolId: string; problem: BridgeProblem; error: unknown }) => void;
  /** Returns whether the run must end before the next dataset. */
  isOver?: () => boolean;
}

/** What a run did. Contains only counts, so it can be logged. */
export interface BridgeOutcome {
  /** Datasets on which both sides agree now. */
  bridged: number;
  /** Datasets that are tried again later. */
  postponed: number;
}

/**
 * Reads the marked datasets of owned identities on both sides, and writes to each side what only the other side has. The
 * datasets of one identity are bridged one after the other, under a lease. A dataset that fails does not stop the others.
 *
 * @throws {DatabaseError} a mark could not be postponed. The run continues with other identities until four have failed
 */
export async function bridgeDue(deps: BridgeDeps): Promise<BridgeOutcome> {
  const marks = await deps.store.listDue(deps.now(), MARKS_PER_RUN);
  const outcome = { bridged: 0, postponed: 0 };
  const groups = Map.groupBy(marks, ({ dataset }) => `${dataset.identityPoolId} ${dataset.identityId}`);
  const queue = groups.values();
  const failures: unknown[] = [];
  const run: Run = { ...deps, poolProblems: new Map() };
  const work = async () => {
    for (const group of queue) {
      if (deps.isOver?.() || failures.length >= CONCURRENT) return;
      await bridgeIdentity(run, group, outcome).catch((error: unknown) => failures.push(error));
    }
  };
  await allDone(Array.from({ length: CONCURRENT }, work));
  if (failures.length > 0) throw failures[0];
  return outcome;
}

interface Run extends BridgeDeps {
  /** Problems of whole pools that this run has found. The other datasets of such a pool are not tried. */
  poolProblems: Map<string, BridgeProblem>;
}

async function bridgeIdentity(deps: Run, marks: readonly Mark[], outcome: BridgeOutcome): Promise<void> {
  const { store, now } = deps;
  const identity: IdentityKey | undefined = marks[0]?.dataset;
  if (identity === undefined) return;
  const { identityPoolId, identityId } = identity;
  const about = { now: now(), until: now() + LEASE_MS };
  const lease = await store.claim({ identityPoolId, identityId }, about);
  if (lease === 'not owned') {
    // The identity never came from the origin, or is still a replica. In both cases, it is not bridged.
    for (const mark of marks) await store.removeMark(mark);
    return;
  }
  try {
    for (const mark of marks) {
      if (deps.isOver?.()) break;
      const problem = lease === 'busy' ? 'busy' : await tryDataset(deps, lease, mark);
      if (problem === null) outcome.bridged += 1;
      else if (problem === 'gone' && !(await store.isOwned(mark.dataset))) {
        // The identity was deleted on both sides.
        await store.removeMark(mark);
        outcome.bridged += 1;
      } else {
        outcome.postponed += 1;
        await store.postpone(mark, { until: now() + pauseAfter(problem, mark), problem });
      }
    }
    if (lease === 'busy') return;
    await store.forgetDeleted(
      lease.identity,
      marks.map(({ dataset }) => dataset),
    );
  } finally {
    if (lease !== 'busy') await store.release(lease);
  }
}

/** Why a dataset is tried again later. `failed`: an unexpected error. */
export type BridgeProblem =
  | SyncClientError['condition']
  | 'busy'
  | 'changing'
  | 'failed'
  | 'finished'
  | 'gone'
  | 'no-origin'
  | 'value-refused';

/** Conditions that need no one's help. */
const TRANSIENT: ReadonlySet<BridgeProblem> = new Set([
  'busy',
  'changing',
  'finished',
  'throttled',
  'unavailable',
]);

/** Conditions that concern all datasets of a pool. */
const OF_POOL: ReadonlySet<BridgeProblem> = new Set([
  'credentials',
  'no-origin',
  'not-authorized',
  'not-found',
]);

function pauseAfter(problem: BridgeProblem, { attempts }: Mark): number {
  if (problem === 'finished') return FINISHED_PAUSE_MS;
  if (OF_POOL.has(problem)) return POOL_PROBLEM_PAUSE_MS;
  if (problem !== 'failed' && !TRANSIENT.has(problem)) return PROBLEM_PAUSE_MS;
  // Another process works on the identity, or was killed while it did. Its lease ends at the latest after LEASE_MS.
  const longest = problem === 'busy' ? LEASE_MS : MAX_PAUSE_MS;
  return Math.min(MIN_PAUSE_MS * 2 ** Math.min(attempts, 20), longest);
}

/** @returns null if both sides agree */
async function tryDataset(deps: Run, lease: IdentityLease, mark: Mark): Promise<BridgeProblem | null> {
  const { identityPoolId } = mark.dataset;
  const known = deps.poolProblems.get(identityPoolId);
  if (known !== undefined) return known;
  let error: unknown = null;
  const problem = await bridge(deps, lease, mark).catch((thrown: unknown) => {
    error = thrown;
    return problemOf(thrown);
  });
  if (problem !== null && OF_POOL.has(problem)) deps.poolProblems.set(identityPoolId, problem);
  if (problem !== null && !TRANSIENT.has(problem)) deps.onProblem?.({ identityPoolId, problem, error });
  return problem;
}

async function bridge(deps: BridgeDeps, lease: IdentityLease, mark: Mark): Promise<BridgeProblem | null> {
  const opened = await deps.originOf(mark.dataset.identityPoolId);
  if (opened === null) return 'no-origin';
  if (opened === 'finished') return opened;
  for (let pass = 1; pass <= PASSES; pass += 1) {
    const result = await bridgeDataset({ ...deps, ...opened }, lease, mark);
    if (result === 'done') return null;
    if (result === 'gone') return 'gone';
  }
  return 'changing';
}

function problemOf(error: unknown): BridgeProblem {
  if (error instanceof LeaseLostError) return 'busy';
  if (error instanceof ValueRefusedError) return 'value-refused';
  return error instanceof SyncClientError ? error.condition : 'failed';
}
