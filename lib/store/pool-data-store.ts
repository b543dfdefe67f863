import type { PoolDataStore } from '../sync/pool-data-port.ts';
import { plainArray } from './array-literal.ts';
import type { Database, SqlValue } from './database.ts';
import {
  type DeletedRow,
  type KeyRow,
  LIST_DELETED,
  LIST_EXISTING,
  REMOVE_BULK_PUBLISH,
  REMOVE_COPIES,
  REMOVE_DATASETS,
  REMOVE_DELETED,
  REMOVE_DEVICES,
  REMOVE_IDENTITIES,
  REMOVE_OTHER_IDENTITIES,
  REMOVE_PENDING_MERGES,
  REMOVE_RECORDS,
  REMOVE_ROWS,
  REMOVE_SPENT_TOKENS,
  REMOVE_SUBSCRIPTIONS,
  REMOVE_SUBSCRIPTIONS_OF_DEVICES,
} from './pool-data-statements.ts';
import { identityRowId } from './row-ids.ts';

/** What is kept of identity pools, to be removed, on any `Database`. */
export function createPoolDataStore(database: Database): PoolDataStore {
  return {
    async listDatasets(identityPoolId, after, limit) {
      const values = [identityPoolId, after?.identityId ?? '', after?.datasetName ?? '', limit];
      const { rows } = await database.query<KeyRow>(LIST_EXISTING, values);
      return rows.map((row) => ({
        identityPoolId,
        identityId: row.identity_id,
        datasetName: row.dataset_name,
      }));
    },

    removePendingMerges: (identityPoolId) => removeAll(database, REMOVE_PENDING_MERGES, [identityPoolId]),

    async removeRows(identityPoolId) {
      const removed = await removeDeletedDatasets(database, identityPoolId);
      await removeAll(database, REMOVE_SUBSCRIPTIONS_OF_DEVICES, [identityPoolId]);
      await removeAll(database, REMOVE_DEVICES, [identityPoolId]);
      await removeAll(database, REMOVE_OTHER_IDENTITIES, [identityPoolId]);
      await database.query(REMOVE_BULK_PUBLISH, [identityPoolId]);
      return removed;
    },
  };
}

/** @returns how many */
async function removeDeletedDatasets(database: Database, identityPoolId: string): Promise<number> {
  let removed = 0;
  let after = ['', ''];
  for (;;) {
    const values = [identityPoolId, ...after, REMOVE_DATASETS];
    const { rows } = await database.query<DeletedRow>(LIST_DELETED, values);
    removed += await removeStep(database, identityPoolId, rows);
    const last = rows.at(-1);
    if (!last || rows.length < REMOVE_DATASETS) return removed;
    after = [last.identity_id, last.dataset_name];
  }
}

/** The datasets come last: what is left of them after a crash is found through them. */
async function removeStep(
  database: Database,
  identityPoolId: string,
  rows: readonly DeletedRow[],
): Promise<number> {
  if (rows.length === 0) return 0;
  const ids = plainArray(rows.map((row) => row.dataset_id));
  const counts = plainArray(rows.map((row) => row.sync_count));
  const identities = rows.map((row) => identityRowId({ identityPoolId, identityId: row.identity_id }));
  await removeAll(database, REMOVE_RECORDS, [ids, counts]);
  await removeAll(database, REMOVE_SPENT_TOKENS, [ids]);
  await removeAll(database, REMOVE_SUBSCRIPTIONS, [ids]);
  await database.query(REMOVE_COPIES, [ids]);
  await database.query(REMOVE_IDENTITIES, [plainArray(identities)]);
  return (await database.query(REMOVE_DELETED, [ids, counts])).rowsChanged;
}

async function removeAll(database: Database, sql: string, values: readonly SqlValue[]): Promise<void> {
  while ((await database.query(sql, values)).rowsChanged === REMOVE_ROWS);
}
