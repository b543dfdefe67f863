import { createPacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { IdentityKey } from '../common/dataset-key.ts';
import { allDone } from './copy-data.ts';
import type { CopyProblem, Skipped } from './copy-run.ts';
import { TooManyDatasetsError } from './ports/take-over-store.ts';
import { createSkipReasons } from './skip-reasons.ts';
import { type TakeOverDeps, takeOver } from './take-over.ts';

/** Identities per query. */
const PAGE = 100;
/**
 * Maximum number of identities that are taken over concurrently. This limits memory. The rate limit limits the calls to
 * the origin.
 */
const CONCURRENT = 8;

export interface TakeOverPoolDeps extends Omit<TakeOverDeps, 'paced' | 'onSkipped'> {
  /** Maximum number of calls to the origin per second. */
  maxCallsPerSecond: number;
}

export interface TakeOverPoolOptions {
  identityPoolId: string;
  /** Takes only this identity over; null for all identities of the pool. */
  identityId: string | null;
  /** Stops before the next identity. */
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
  /** Receives each problem of the comparison before a takeover, and each identity that remains a replica. */
  onSkipped?: (problem: TakeOverProblem) => void;
}

/**
 * `busy`: another process worked on the identity, or its data at the origin kept changing. `too-many-datasets`: the
 * database cannot take the identity over in one transaction.
 */
export interface TakeOverProblem extends Omit<Skipped, 'reason'> {
  reason: CopyProblem | 'busy' | 'too-many-datasets';
}

export interface TakenOverPool {
  /** Identities that this call has taken over, including those in `missing`. */
  takenOver: number;
  /** Identities that no longer exist at the origin. */
  missing: number;
  /** Identities that remain replicas. */
  left: number;
  /** Whether the signal stopped the work. */
  isStopped: boolean;
}

/**
 * Takes over all replicas of a pool, or one of them. An interrupted run can be repeated: identities that this service
 * already owns cost no call. An identity that cannot be taken over does not stop the others.
 *
 * @throws {SyncClientError} the origin did not respond
 */
export async function takeOverAll(
  deps: TakeOverPoolDeps,
  options: TakeOverPoolOptions,
): Promise<TakenOverPool> {
  const { origin, store, now, sleep, maxCallsPerSecond } = deps;
  const { identityPoolId, signal, onProgress } = options;
  const paced = createPacedCalls({ maxCallsPerSecond, now, sleep, signal });
  await paced(() => origin.readPool(identityPoolId));
  const skips = createSkipReasons(origin, store, identityPoolId);
  const counted = await store.countIdentities(identityPoolId, 0);
  const total = options.identityId === null ? counted.identities - counted.takenOver : 1;
  const result = { takenOver: 0, missing: 0, left: 0, isStopped: false };

  async function takeOne(identityId: string): Promise<void> {
    const identity = { identityPoolId, identityId };
    const run: TakeOverDeps = { ...deps, paced, ...(options.onSkipped && { onSkipped: options.onSkipped }) };
    try {
      const outcome = await takeOver(run, identity);
      if (outcome === 'taken' || outcome === 'gone') result.takenOver += 1;
      if (outcome === 'taken') skips.identityRead(identity);
      if (outcome === 'gone') result.missing += 1;
      if (outcome === 'busy') leave(identityId, outcome);
    } catch (error) {
      const reason = signal?.aborted ? null : await reasonOf(error);
      if (reason === null) throw error;
      leave(identityId, reason);
    }
    onProgress?.(result.takenOver + result.left, total);
  }

  async function reasonOf(error: unknown): Promise<TakeOverProblem['reason'] | null> {
    return error instanceof TooManyDatasetsError
      ? 'too-many-datasets'
      : await skips.reasonFor(error, 'identity');
  }

  function leave(identityId: string, reason: TakeOverProblem['reason']): void {
    result.left += 1;
    options.onSkipped?.({ identityId, datasetName: null, reason });
  }

  for await (const replicas of replicasIn(deps, options)) {
    const queue = replicas.values();
    const work = async () => {
      for (const { identityId } of queue) {
        if (signal?.aborted) return;
        await takeOne(identityId);
      }
    };
    await allDone(Array.from({ length: CONCURRENT }, work));
    if (signal?.aborted) return { ...result, isStopped: true };
  }
  return result;
}

/** Returns the replicas in pages. Lists no identities if this service owns all of them. */
export async function* replicasIn(
  { store, takeOvers }: Pick<TakeOverPoolDeps, 'store' | 'takeOvers'>,
  { identityPoolId, identityId }: Pick<TakeOverPoolOptions, 'identityPoolId' | 'identityId'>,
): AsyncGenerator<Pick<IdentityKey, 'identityId'>[]> {
  if (identityId !== null) {
    const [owner] = await takeOvers.ownersOf([{ identityPoolId, identityId }]);
    yield owner === 'origin' ? [{ identityId }] : [];
    return;
  }
  const { identities, takenOver } = await store.countIdentities(identityPoolId, 0);
  if (takenOver === identities) return;
  for (let after = ''; ; ) {
    const page = await store.listIdentities(identityPoolId, { after, limit: PAGE, startedAt: 0 });
    yield page.filter(({ state }) => state === 'replica');
    after = page.at(-1)?.identityId ?? after;
    if (page.length < PAGE) return;
  }
}
