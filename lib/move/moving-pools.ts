import { createRefreshed, type Refreshed } from '../common/refreshed.ts';
import type { TakeOverStore } from './ports/take-over-store.ts';

/** Maximum time until each process knows that a pool is being migrated. The first copy of a pool waits for this time. */
export const MOVING_KNOWN_MS = 2_000;
/** Maximum number of identities per pool that are cached as owned. */
const MAX_OWNED = 100_000;

/** A pool that is being migrated, as a process knows it. */
export interface CachedPool {
  origin: string;
  startedAt: number;
  /** Cached ids of identities that this service owns. They can become replicas again only if a new copy starts. */
  owned: Set<string>;
}

interface MovingPoolsDeps {
  takeOvers: Pick<TakeOverStore, 'listMoving'>;
  /** Waits; its timer must not keep the process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

/**
 * Creates the cached list of the pools that are being migrated, by id. All reads of the list together cost at most one
 * small query per second.
 */
export function createMovingPools({
  takeOvers,
  sleep,
  now,
}: MovingPoolsDeps): Pick<Refreshed<ReadonlyMap<string, CachedPool>>, 'get'> {
  return createRefreshed<ReadonlyMap<string, CachedPool>>({
    read: async (previous) => {
      const pools = await takeOvers.listMoving();
      return new Map(
        pools.map((pool) => [pool.identityPoolId, withOwned(pool, previous?.get(pool.identityPoolId))]),
      );
    },
    maxAgeMs: MOVING_KNOWN_MS / 2,
    maxStaleMs: MOVING_KNOWN_MS,
    minIntervalMs: MOVING_KNOWN_MS / 2,
    maxWaitMs: 0,
    sleep,
    now,
    report: () => undefined,
  });
}

/** Keeps the cached ids of a pool only while no new copy has started. */
function withOwned(
  { origin, startedAt }: { origin: string; startedAt: number },
  before: CachedPool | undefined,
): CachedPool {
  return { origin, startedAt, owned: before?.startedAt === startedAt ? before.owned : new Set() };
}

/** Caches that this service owns an identity of the pool. */
export function rememberOwned({ owned }: CachedPool, identityId: string): void {
  const [oldest] = owned;
  if (owned.size >= MAX_OWNED && oldest !== undefined) owned.delete(oldest);
  owned.add(identityId);
}
