import type { IdentityKey } from '../../common/dataset-key.ts';
import type { Database, SqlValue } from '../../database/database.ts';
import { identityIdHash, identityRowId } from '../../database/row-ids.ts';
import type { IdentityDataStore } from '../ports/identity-data-store.ts';
import {
  type DeletedIdentityRow,
  END_DELETION,
  IDENTITY_REMOVAL,
  LIST_DELETED_IDENTITIES,
  LIST_DELETED_OF_IDENTITY,
  LIST_EXISTING_OF_IDENTITY,
  type NamedDatasetRow,
  READ_IS_LEFT_OF_IDENTITY,
  REMOVE_DEVICES_OF_IDENTITY,
  REMOVE_MARKS,
  REMOVE_PENDING_MERGE,
  REMOVE_SUBSCRIPTIONS_OF_IDENTITY,
  REMOVE_SYNC_IDENTITY,
  STEP_DATASETS,
} from './identity-data-statements.ts';
import { changeInSteps, removeDeletedDatasets } from './remove-deleted-datasets.ts';
import { changeOnce } from './transact.ts';

/** Creates the store that removes the data of deleted identities, on any `Database`. */
export function createIdentityDataStore(database: Database): IdentityDataStore {
  return {
    async listDatasets(identity, after, limit) {
      const values = [...keyOf(identity), after?.datasetName ?? '', limit];
      const { rows } = await database.query<Pick<NamedDatasetRow, 'dataset_name'>>(
        LIST_EXISTING_OF_IDENTITY,
        values,
      );
      return rows.map((row) => ({ ...identity, datasetName: row.dataset_name }));
    },

    async removePendingMerges(identity) {
      return (await database.query(REMOVE_PENDING_MERGE, rowOf(identity))).rowsChanged;
    },

    async removeRows(identity) {
      let removed = await removeDatasets(database, identity);
      for (const sql of [REMOVE_SUBSCRIPTIONS_OF_IDENTITY, REMOVE_DEVICES_OF_IDENTITY])
        removed += await changeInSteps(database, sql, keyOf(identity));
      return removed + (await database.query(REMOVE_SYNC_IDENTITY, rowOf(identity))).rowsChanged;
    },

    async isLeft(identity) {
      const values = [...keyOf(identity), identityRowId(identity)];
      const { rows } = await database.query<{ is_left: boolean }>(READ_IS_LEFT_OF_IDENTITY, values);
      return rows[0]?.is_left ?? false;
    },

    async endDeletion(identity) {
      const values = [...keyOf(identity), identityRowId(identity)];
      return (await changeOnce(database, END_DELETION, values)).rowsChanged === 1;
    },

    async listDeleted(after, limit) {
      const values = [after?.identityId ?? '', limit];
      const { rows } = await database.query<DeletedIdentityRow>(LIST_DELETED_IDENTITIES, values);
      return rows.map((row) => ({ identityPoolId: row.identity_pool_id, identityId: row.identity_id }));
    },

    removeMarks: (deletedBefore) => changeInSteps(database, REMOVE_MARKS, [deletedBefore]),
  };
}

const keyOf = ({ identityPoolId, identityId }: IdentityKey): string[] => [
  identityIdHash(identityId),
  identityPoolId,
  identityId,
];
const rowOf = (identity: IdentityKey): string[] => [
  identityIdHash(identity.identityId),
  identityRowId(identity),
];

/** @returns the number of rows removed */
async function removeDatasets(database: Database, identity: IdentityKey): Promise<number> {
  const mark = identityIdHash(identity.identityId);
  let removed = 0;
  let after = '';
  for (;;) {
    const values: SqlValue[] = [...keyOf(identity), after, STEP_DATASETS];
    const { rows } = await database.query<NamedDatasetRow>(LIST_DELETED_OF_IDENTITY, values);
    removed += await removeDeletedDatasets(database, IDENTITY_REMOVAL, mark, rows);
    const last = rows.at(-1);
    if (!last || rows.length < STEP_DATASETS) return removed;
    after = last.dataset_name;
  }
}
