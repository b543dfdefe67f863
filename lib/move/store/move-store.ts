import type { Database } from '../../database/database.ts';
import type { Offloading } from '../../sync/build-stream-event.ts';
import type { MovedCounts, MoveStore, MovingPool } from '../ports/move-store.ts';
import { createFollowedShards } from './followed-shards.ts';
import { createLeaseStore } from './lease-store.ts';
import {
  COUNT_MOVED,
  COUNT_SOME_MOVED,
  LIST_POOLS,
  LIST_SOME_POOLS,
  type MovingPoolRow,
  READ_POOL,
  SAVE_CAUGHT_UP,
  SAVE_FOLLOWED,
  SAVE_GAP,
  SAVE_OLD_WRITE,
  SAVE_VERIFICATION,
} from './move-statements.ts';
import { createPoolCopyStore } from './pool-copy-store.ts';
import { createReplicaStore } from './replica-store.ts';
import { parseProgress } from './stored-progress.ts';

interface MoveStoreOptions {
  /**
   * How large events are offloaded. Null if this process cannot create links to payloads: records that do not fit into an
   * event are then not published.
   */
  offloading: Offloading | null;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

/** Creates the store of migrations, on any `Database`. */
export function createMoveStore(database: Database, options: MoveStoreOptions): MoveStore {
  return {
    async readPool(identityPoolId, now) {
      const { rows } = await database.query<MovingPoolRow>(READ_POOL, [identityPoolId]);
      return rows[0] ? toPool(rows[0], now) : null;
    },

    async listPools(now, page) {
      const { rows } =
        page === undefined
          ? await database.query<MovingPoolRow>(LIST_POOLS)
          : await database.query<MovingPoolRow>(LIST_SOME_POOLS, [page.after, page.limit]);
      return rows.map((row) => toPool(row, now));
    },

    async countIdentities(identityPoolId, startedAt, maxRows) {
      const { rows } =
        maxRows === undefined
          ? await database.query<CountedRow>(COUNT_MOVED, [identityPoolId, startedAt])
          : await database.query<CountedRow>(COUNT_SOME_MOVED, [identityPoolId, maxRows, startedAt]);
      const { identities = 0, taken_over = 0, copied = 0 } = rows[0] ?? {};
      return { identities, takenOver: taken_over, copied };
    },

    async saveVerification(identityPoolId, { at, differences }) {
      await database.query(SAVE_VERIFICATION, [identityPoolId, at, differences]);
    },

    async saveFollowed(identityPoolId, arrivedAt) {
      await database.query(SAVE_FOLLOWED, [identityPoolId, arrivedAt]);
    },

    async saveOldWrite(identityPoolId, at) {
      await database.query(SAVE_OLD_WRITE, [identityPoolId, at]);
    },

    async saveCaughtUp(identityPoolId, { upTo, retentionMs }) {
      await database.query(SAVE_CAUGHT_UP, [identityPoolId, upTo, retentionMs, options.now()]);
    },

    async saveGap(identityPoolId, since) {
      await database.query(SAVE_GAP, [identityPoolId, since, options.now()]);
    },

    ...createFollowedShards(database),
    ...createPoolCopyStore(database, options),
    ...createLeaseStore(database),
    ...createReplicaStore(database, options),
  };
}

type CountedRow = Omit<MovedCounts, 'takenOver'> & { taken_over: number };

function toPool(row: MovingPoolRow, now: number): MovingPool {
  const { lease_holder: holder, leased_until_ms: until } = row;
  return {
    identityPoolId: row.identity_pool_id,
    origin: row.origin,
    startedAt: row.run_ms,
    progress: parseProgress(row.progress),
    copiedAt: row.copied_ms,
    followedUpTo: row.followed_ms,
    caughtUpTo: row.caught_up_ms,
    lastOldWrite: row.last_old_write_ms,
    finishedAt: row.finished_ms,
    gapSince: row.gap_since_ms,
    verifiedAt: row.verified_ms,
    differences: row.differences,
    lease: holder !== null && until !== null && until > now ? { holder, until } : null,
  };
}
