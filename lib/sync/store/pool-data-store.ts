import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import type { PoolDataStore } from '../ports/pool-data-store.ts';
import {
  type DeletedRow,
  type KeyRow,
  LIST_DELETED,
  LIST_EXISTING,
  LIST_MARKED,
  READ_IS_LEFT,
  REMOVE_BULK_PUBLISH,
  REMOVE_COPIES,
  REMOVE_DATASETS,
  REMOVE_DELETED,
  REMOVE_DEVICES,
  REMOVE_IDENTITIES,
  REMOVE_LOGINS,
  REMOVE_OTHER_SYNC_IDENTITIES,
  REMOVE_PENDING_MERGES,
  REMOVE_POOL,
  REMOVE_RECORDS,
  REMOVE_SPENT_TOKENS,
  REMOVE_SUBSCRIPTIONS,
  REMOVE_SUBSCRIPTIONS_OF_DEVICES,
  REMOVE_SYNC_IDENTITIES,
  REMOVE_UNBRIDGED,
  REMOVE_USAGE,
} from './pool-data-statements.ts';
import { changeInSteps, type DatasetRemoval, removeDeletedDatasets } from './remove-deleted-datasets.ts';
import { changeOnce } from './transact.ts';

const REMOVAL: DatasetRemoval = {
  records: REMOVE_RECORDS,
  spentTokens: REMOVE_SPENT_TOKENS,
  subscriptions: REMOVE_SUBSCRIPTIONS,
  copies: REMOVE_COPIES,
  datasets: REMOVE_DELETED,
};

/**
 * The statements that remove what is left after the datasets, in their order. Identities are removed before logins,
 * because no login can be added to a removed identity.
 */
const AFTER_DATASETS = [
  REMOVE_USAGE,
  REMOVE_SUBSCRIPTIONS_OF_DEVICES,
  REMOVE_DEVICES,
  REMOVE_OTHER_SYNC_IDENTITIES,
  REMOVE_IDENTITIES,
  REMOVE_LOGINS,
  REMOVE_BULK_PUBLISH,
  REMOVE_UNBRIDGED,
];

/** Creates the store that removes the data of identity pools marked as deleted, on any `Database`. */
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

    removePendingMerges: (identityPoolId) => changeInSteps(database, REMOVE_PENDING_MERGES, [identityPoolId]),

    async removeRows(identityPoolId) {
      let removed = await removeDatasets(database, identityPoolId);
      for (const sql of AFTER_DATASETS) removed += await changeInSteps(database, sql, [identityPoolId]);
      return removed;
    },

    async isLeft(identityPoolId) {
      const { rows } = await database.query<{ is_left: boolean }>(READ_IS_LEFT, [identityPoolId]);
      return rows[0]?.is_left ?? false;
    },

    async listMarked(after, limit) {
      const { rows } = await database.query<{ identity_pool_id: string }>(LIST_MARKED, [after, limit]);
      return rows.map((row) => row.identity_pool_id);
    },

    async removePool(identityPoolId, markedBefore) {
      return (await changeOnce(database, REMOVE_POOL, [identityPoolId, markedBefore])).rowsChanged === 1;
    },
  };
}

/** @returns the number of rows removed */
async function removeDatasets(database: Database, identityPoolId: string): Promise<number> {
  let removed = 0;
  let after = ['', ''];
  for (;;) {
    const values = [identityPoolId, ...after, REMOVE_DATASETS];
    const { rows } = await database.query<DeletedRow>(LIST_DELETED, values);
    const identities = rows.map((row) => identityRowId({ identityPoolId, identityId: row.identity_id }));
    removed += await changeInSteps(database, REMOVE_SYNC_IDENTITIES, [
      identityPoolId,
      plainArray(identities),
    ]);
    removed += await removeDeletedDatasets(database, REMOVAL, identityPoolId, rows);
    const last = rows.at(-1);
    if (!last || rows.length < REMOVE_DATASETS) return removed;
    after = [last.identity_id, last.dataset_name];
  }
}
