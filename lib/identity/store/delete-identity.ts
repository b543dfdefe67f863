import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { identityIdHash, identityRowId } from '../../database/row-ids.ts';
import { LOCK_IDENTITY as LOCK_SYNC_IDENTITY } from '../../sync/store/sync-statements.ts';
import type { IdentityStore } from '../ports/identity-store.ts';
import {
  type DeletionRow,
  IS_BEING_MERGED,
  LIST_MERGED,
  MARK_DELETED_IDENTITIES,
  READ_DELETIONS,
  REMOVE_IDENTITIES_OF_PERSON,
  REMOVE_LOGINS_OF_PERSON,
} from './delete-identity-statements.ts';
import { LOCK_IDENTITY, type LockedIdentityRow } from './identity-statements.ts';

/**
 * Implements `IdentityStore.deleteIdentity`. The transaction locks the identity's row first, as every change of logins
 * does. So no login can be linked to the identity, and no identity can be merged into it, at the same time.
 *
 * The transaction also locks the rows that Cognito Sync locks to create a dataset. A dataset is therefore created before
 * the deletion of the identity's data starts, or not at all.
 */
export function deleteIdentity(
  database: Database,
  identityId: string,
  at: number,
): ReturnType<IdentityStore['deleteIdentity']> {
  return database.transaction(async (transaction) => {
    const { rows } = await transaction.query<LockedIdentityRow>(LOCK_IDENTITY, [identityId]);
    const [locked] = rows;
    if (!locked) return readDeletion(transaction, identityId);
    const identityPoolId = locked.identity_pool_id;
    if (locked.merged_into !== null && (await isBeingMerged(transaction, { identityPoolId, identityId }))) {
      return 'merging';
    }
    const merged = await transaction.query<{ identity_id: string }>(LIST_MERGED, [identityId]);
    const ids = [identityId, ...merged.rows.map((row) => row.identity_id)];
    await lockInSync(transaction, identityPoolId, ids);
    await transaction.query(MARK_DELETED_IDENTITIES, [
      identityPoolId,
      at,
      identityIdHash(identityId),
      plainArray(ids.map(identityIdHash)),
      textArray(ids),
    ]);
    await transaction.query(REMOVE_IDENTITIES_OF_PERSON, [textArray(ids)]);
    await transaction.query(REMOVE_LOGINS_OF_PERSON, [textArray(ids)]);
    return ids.map((id) => ({ identityPoolId, identityId: id }));
  });
}

async function readDeletion(on: Transaction, identityId: string): Promise<IdentityKey[] | 'unknown'> {
  const { rows } = await on.query<DeletionRow>(READ_DELETIONS, [identityIdHash(identityId)]);
  if (rows.length === 0) return 'unknown';
  return rows.flatMap((row) =>
    row.identity_pool_id === null || row.identity_id === null
      ? []
      : [{ identityPoolId: row.identity_pool_id, identityId: row.identity_id }],
  );
}

async function isBeingMerged(on: Transaction, identity: IdentityKey): Promise<boolean> {
  const { rows } = await on.query<{ is_being_merged: boolean }>(IS_BEING_MERGED, [identityRowId(identity)]);
  return rows[0]?.is_being_merged ?? false;
}

/** Locks the rows in the order of their keys, as a merge of datasets does, so that the transactions do not deadlock. */
async function lockInSync(on: Transaction, identityPoolId: string, ids: readonly string[]): Promise<void> {
  const rows = ids.map((identityId) => [
    identityRowId({ identityPoolId, identityId }),
    identityPoolId,
    identityId,
  ]);
  rows.sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  for (const values of rows) await on.query(LOCK_SYNC_IDENTITY, values);
}
