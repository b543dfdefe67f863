import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { DatasetKey, IdentityKey } from '../common/dataset-key.ts';
import { createSemaphore } from '../common/semaphore.ts';
import type { Skipped } from './copy-run.ts';
import { createKeepDeletion } from './keep-deletion.ts';
import { type CachedPool, createMovingPools, rememberOwned } from './moving-pools.ts';
import { createOpened } from './opened.ts';
import type { Origin } from './ports/origin.ts';
import { describeOtherOrigin } from './read-origin-settings.ts';
import { type TakeOverDeps, takeOver } from './take-over.ts';
import { tryAgain } from './try-again.ts';

/**
 * Knows which identities this service owns while pools are being migrated, and takes identities over. Every method throws
 * {ServiceError} InternalErrorException if the origin does not respond in time.
 */
export interface Ownership {
  /**
   * Takes over the identities that are replicas, and does nothing for the others.
   * @returns whether any of the identities was a replica. If so, data that the caller has read of them may be outdated
   */
  own(identities: readonly IdentityKey[]): Promise<boolean>;
  /** As `own`, for an identity whose pool the caller does not know. */
  ownById(identityId: string): Promise<boolean>;
  /**
   * Stores a deletion that only the origin knows, so that a device with older data learns of the deletion. `move copy`
   * cannot find datasets that were deleted before the copy started.
   *
   * @param syncCount the count of the device
   * @returns false if the origin did not delete the dataset after this count, or the dataset exists here
   */
  keepDeletion(dataset: DatasetKey, syncCount: number): Promise<boolean>;
  /** Returns the ids of the pools that are being migrated. */
  listMoving(): Promise<string[]>;
  /** Returns the origin of a pool; null if the pool is not being migrated. @throws an error that says what is wrong */
  originOf(identityPoolId: string): Promise<Origin | null>;
  close(): void;
}

export interface OwnershipDeps extends Pick<TakeOverDeps, 'takeOvers' | 'store' | 'limits' | 'now'> {
  /** Opens the origin of a pool. @throws an error that says what is wrong with the configuration */
  openOrigin: (identityPoolId: string) => Origin | Promise<Origin>;
  /** Waits; its timer must not keep the process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Milliseconds of a clock that never goes back. */
  steadyNow: () => number;
  /** Logs that the origin could not be called, or that an identity no longer exists there. */
  report: (message: string, details: Record<string, unknown>) => void;
}

/** Maximum time for which a request waits for one takeover. The takeover continues, so a retry finds it complete. */
const MAX_WAIT_MS = 10_000;
/**
 * Maximum number of takeovers and of `keepDeletion` calls to the origin that run concurrently, for all pools together.
 */
const CONCURRENT = 20;
/**
 * Maximum number of concurrent takeovers in one pool, so that requests to one pool cannot stop the migration of another
 * pool. Also the maximum number of concurrent `keepDeletion` calls to the origin, for all pools together.
 */
const CONCURRENT_PER_OWNER = 10;

/** Does not limit the rate, because the opened origin already limits the rate of calls to it (`limitRate`). */
const unpaced: PacedCalls = (call) => call();

/**
 * Creates the ownership for one process. While no pool is being migrated, all calls together cost at most one small
 * query per second.
 */
export function createOwnership(deps: OwnershipDeps): Ownership {
  const { takeOvers, report, sleep, steadyNow } = deps;
  const moving = createMovingPools({ takeOvers, sleep, now: steadyNow });
  const slots = createSemaphore({
    max: CONCURRENT,
    maxPerOwner: CONCURRENT_PER_OWNER,
    refusal: tryAgain,
    now: steadyNow,
  });
  const running = new Map<string, Promise<void>>();
  const origins = createOpened(deps.openOrigin);

  async function originOf(identityPoolId: string, name: string): Promise<Origin> {
    const origin = await origins.open(identityPoolId);
    if (origin.name === name) return origin;
    throw new Error(describeOtherOrigin(name, origin.name));
  }

  async function takeOne(identity: IdentityKey, { origin }: CachedPool): Promise<void> {
    const free = await slots.acquire(identity.identityPoolId, MAX_WAIT_MS);
    try {
      const opened = await originOf(identity.identityPoolId, origin);
      const onSkipped = (skipped: Skipped) =>
        report('an identity was taken over, but not completely; run `move copy`', {
          ...identity,
          ...skipped,
        });
      // A failed call is not repeated here, because the client retries its request.
      const run = { ...deps, origin: opened, paced: unpaced, onSkipped };
      const outcome = await takeOver(run, identity);
      if (outcome === 'busy')
        throw new Error('another process works on the identity, or its data at the origin keeps changing');
      if (outcome === 'gone')
        report('an identity no longer exists at the origin; its replica was kept', identity);
    } finally {
      free();
    }
  }

  /** Takes an identity over, or waits if another request is already taking it over. */
  async function takeSoon(identity: IdentityKey, pool: CachedPool): Promise<void> {
    const { identityPoolId, identityId } = identity;
    const id = `${identityPoolId} ${identityId}`;
    const taking = running.get(id) ?? takeOne(identity, pool).finally(() => running.delete(id));
    running.set(id, taking);
    const isLate = Promise.withResolvers<never>();
    // If a takeover fails after its request has timed out, the next request tries again and reports the failure.
    taking.catch(() => undefined);
    void sleep(MAX_WAIT_MS).then(() => isLate.reject(new Error(`no result after ${MAX_WAIT_MS / 1_000} s`)));
    isLate.promise.catch(() => undefined);
    try {
      await Promise.race([taking, isLate.promise]);
    } catch (error) {
      report('an identity could not be taken over from the origin', { ...identity, error });
      throw tryAgain();
    }
  }

  async function own(identities: readonly IdentityKey[]): Promise<boolean> {
    const pools = await moving.get();
    const unknown = identities.filter(({ identityPoolId, identityId }) => {
      const pool = pools.get(identityPoolId);
      return pool !== undefined && !pool.owned.has(identityId);
    });
    if (unknown.length === 0) return false;
    const owners = await takeOvers.ownersOf(unknown);
    for (const [index, identity] of unknown.entries()) {
      const pool = pools.get(identity.identityPoolId);
      if (pool === undefined || owners[index] === 'unknown') continue;
      if (owners[index] === 'origin') await takeSoon(identity, pool);
      rememberOwned(pool, identity.identityId);
    }
    return owners.includes('origin');
  }

  const poolOf = async (identityPoolId: string) => (await moving.get()).get(identityPoolId);

  return {
    own,
    async ownById(identityId) {
      const pools = await moving.get();
      return own([...pools.keys()].map((identityPoolId) => ({ identityPoolId, identityId })));
    },

    keepDeletion: createKeepDeletion({
      ...deps,
      poolOf,
      originOf,
      acquire: () => slots.acquire('deletions', MAX_WAIT_MS),
    }),

    listMoving: async () => [...(await moving.get()).keys()],

    async originOf(identityPoolId) {
      const pool = await poolOf(identityPoolId);
      return pool === undefined ? null : originOf(identityPoolId, pool.origin);
    },

    close() {
      origins.close();
      slots.close();
    },
  };
}
