import type { Database, SqlValue, Transaction } from '../../database/database.ts';
import { identityIdHash } from '../../database/row-ids.ts';
import type { IdentityPool, PoolStore, PoolUsage } from '../ports/pool-store.ts';
import { FAIL_IN_PROGRESS } from './bulk-publish-job-statements.ts';
import {
  CHANGE_POOL,
  CREATE_POOL,
  CREATE_POOL_AGAIN,
  type IdentityUsageRow,
  LIST_POOL_IDS,
  LIST_POOL_USAGES,
  LOCK_POOL,
  type PoolRow,
  type PoolUsageRow,
  READ_IDENTITY_USAGE,
  READ_POOL,
  READ_POOL_USAGE,
} from './pool-statements.ts';
import { transact } from './transact.ts';

/**
 * Failure message of a bulk publish during which the pool's stream or streaming status changed. If the bulk publish
 * continued, some of its events would be on another stream, or changes made in the meantime would be on no stream.
 */
const STREAMING_CHANGED = 'streaming was changed during the bulk publish';

/** Creates the store of identity pools and their usage, on any `Database`. */
export function createPoolStore(database: Database): PoolStore {
  return {
    async readPool(identityPoolId) {
      const { rows } = await database.query<PoolRow>(READ_POOL, [identityPoolId]);
      return rows[0] ? toPool(rows[0]) : null;
    },

    createPool: (pool, createdAt) =>
      transact(database, (transaction) => createPool(transaction, pool, createdAt)),

    changePool(pool) {
      return transact(database, async (transaction) => {
        const values = [pool.identityPoolId, pool.revision];
        const { rows } = await transaction.query<Streaming>(LOCK_POOL, values);
        const [before] = rows;
        if (!before) return false;
        if (isStreamingChanged(before, pool)) {
          await transaction.query(FAIL_IN_PROGRESS, [pool.identityPoolId, STREAMING_CHANGED]);
        }
        await transaction.query(CHANGE_POOL, valuesOf(pool));
        return true;
      });
    },

    async readPoolUsage(identityPoolId) {
      const { rows } = await database.query<PoolUsageRow>(READ_POOL_USAGE, [identityPoolId]);
      return rows[0] ? toPoolUsage(rows[0]) : null;
    },

    async listPoolIds() {
      const { rows } = await database.query<{ identity_pool_id: string }>(LIST_POOL_IDS, ['', null]);
      return rows.map((row) => row.identity_pool_id);
    },

    async listPoolUsages({ after, limit }) {
      const { rows } = await database.query<PoolUsageRow>(LIST_POOL_USAGES, [after, limit]);
      return rows.map(toPoolUsage);
    },

    async readIdentityUsage({ identityPoolId, identityId }) {
      const values = [identityPoolId, identityId, identityIdHash(identityId)];
      const { rows } = await database.query<IdentityUsageRow>(READ_IDENTITY_USAGE, values);
      const [row] = rows;
      return {
        datasetCount: row?.dataset_count ?? 0,
        dataStorage: row?.data_storage ?? 0,
        lastModifiedDate: row?.last_modified_ms ?? null,
      };
    },
  };
}

/** Creates a pool, as `PoolStore.createPool` describes. */
export async function createPool(
  on: Transaction,
  pool: Parameters<PoolStore['createPool']>[0],
  createdAt: number,
): ReturnType<PoolStore['createPool']> {
  for (const sql of [CREATE_POOL, CREATE_POOL_AGAIN]) {
    const { rowsChanged } = await on.query(sql, [...valuesOf(pool), createdAt]);
    if (rowsChanged === 1) return 'made';
  }
  const { rows } = await on.query<PoolRow>(READ_POOL, [pool.identityPoolId]);
  return rows[0] ? 'there' : 'being deleted';
}

type Streaming = Pick<PoolRow, 'streaming_status' | 'stream_name'>;

function isStreamingChanged(before: Streaming, { streams }: IdentityPool): boolean {
  return (
    before.streaming_status !== (streams?.status ?? null) ||
    before.stream_name !== (streams?.streamName ?? null)
  );
}

/** Returns the values in the parameter order of the statements that write a pool: its id first. */
function valuesOf({
  identityPoolId,
  syncTrigger,
  streams,
  pushSync,
}: Omit<IdentityPool, 'revision'>): SqlValue[] {
  return [
    identityPoolId,
    syncTrigger,
    streams?.status ?? null,
    streams?.streamName ?? null,
    streams?.roleArn ?? null,
    streams?.disabledReason ?? null,
    pushSync && JSON.stringify(pushSync.applicationArns),
    pushSync?.roleArn ?? null,
  ];
}

function toPool(row: PoolRow): IdentityPool {
  return {
    identityPoolId: row.identity_pool_id,
    revision: row.revision,
    syncTrigger: row.sync_trigger,
    streams: row.streaming_status && {
      status: row.streaming_status,
      streamName: row.stream_name,
      roleArn: row.stream_role_arn,
      disabledReason: row.disabled_reason,
    },
    pushSync:
      row.push_application_arns === null
        ? null
        : { applicationArns: JSON.parse(row.push_application_arns), roleArn: row.push_role_arn },
  };
}

function toPoolUsage(row: PoolUsageRow): PoolUsage {
  return {
    identityPoolId: row.identity_pool_id,
    dataStorage: row.data_storage,
    lastModifiedDate: row.last_modified_ms,
  };
}
