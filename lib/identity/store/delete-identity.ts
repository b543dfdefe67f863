import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { identityIdHash, identityRowId } from '../../database/row-ids.ts';
import { lockIdentities } from '../../sync/store/lock-identities.ts';
import { transact } from '../../sync/store/transact.ts';
import type { IdentityStore } from '../ports/identity-store.ts';
import {
  type DeletionRow,
  IS_BEING_MERGED,
  LIST_MERGED,
  MARK_DELETED_IDENTITIES,
  type MergedRow,
  READ_DELETIONS,
  REMOVE_IDENTITIES_OF_PERSON,
  REMOVE_LOGINS_OF_PERSON,
} from './delete-identity-statements.ts';
import { keepMerges } from './deleted-merges.ts';
import { LOCK_IDENTITY, type LockedIdentityRow } from './identity-statements.ts';

/**
 * Maximum number of merged identities that a transaction removes. Each removal changes four rows: the identity's row,
 * its row in Cognito Sync, the mark of its deletion, and the record of its merge. Aurora DSQL changes at most 3,000
 * rows in a transaction.
 */
const STEP_IDENTITIES = 600;

/**
 * Implements `IdentityStore.deleteIdentity`. The first transaction removes the identity itself. It locks the identity's
 * row first, as every change of logins does. So no login can be linked to the identity, and no identity can be merged
 * into it, at the same time or later. If many identities were merged into it, further transactions remove the rest. After
 * a crash, the next call continues.
 *
 * The transactions also lock the rows that Cognito Sync locks to create a dataset. A dataset is therefore created before
 * the deletion of the identity's data starts, or not at all.
 */
export async function deleteIdentity(
  database: Database,
  identityId: string,
  at: number,
): ReturnType<IdentityStore['deleteIdentity']> {
  for (;;) {
    const merged = await transact(database, (transaction) => removeStep(transaction, identityId, at));
    if (merged === 'merging') return merged;
    if (merged < STEP_IDENTITIES) return readDeletions(database, identityId);
  }
}

/**
 * Removes the identity, if it still exists, and identities that were merged into it.
 * @returns the number of merged identities removed
 */
async function removeStep(on: Transaction, identityId: string, at: number): Promise<number | 'merging'> {
  const { rows } = await on.query<LockedIdentityRow>(LOCK_IDENTITY, [identityId]);
  const [locked] = rows;
  const mergedInto = locked?.merged_into ?? null;
  if (locked && mergedInto !== null && (await isBeingMerged(on, locked.identity_pool_id, identityId))) {
    return 'merging';
  }
  const merged = await on.query<MergedRow>(LIST_MERGED, [identityId, STEP_IDENTITIES]);
  const identityPoolId = locked?.identity_pool_id ?? merged.rows[0]?.identity_pool_id;
  if (identityPoolId === undefined) return 0;
  const mergedIds = merged.rows.map((row) => row.identity_id);
  const ids = locked ? [identityId, ...mergedIds] : mergedIds;
  await lockIdentities(on, identityPoolId, ids);
  await on.query(MARK_DELETED_IDENTITIES, [
    identityPoolId,
    at,
    identityIdHash(identityId),
    plainArray(ids.map(identityIdHash)),
    textArray(ids),
  ]);
  const merges = mergedIds.map((id) => ({ identity_id: id, merged_into: identityId }));
  if (mergedInto !== null) merges.push({ identity_id: identityId, merged_into: mergedInto });
  await keepMerges(on, merges, at);
  await on.query(REMOVE_IDENTITIES_OF_PERSON, [textArray(ids)]);
  await on.query(REMOVE_LOGINS_OF_PERSON, [textArray(ids)]);
  return mergedIds.length;
}

async function readDeletions(on: Database, identityId: string): Promise<IdentityKey[] | 'unknown'> {
  const { rows } = await on.query<DeletionRow>(READ_DELETIONS, [identityIdHash(identityId)]);
  if (rows.length === 0) return 'unknown';
  return rows.flatMap((row) =>
    row.identity_pool_id === null || row.identity_id === null
      ? []
      : [{ identityPoolId: row.identity_pool_id, identityId: row.identity_id }],
  );
}

async function isBeingMerged(on: Transaction, identityPoolId: string, identityId: string): Promise<boolean> {
  const values = [identityRowId({ identityPoolId, identityId })];
  const { rows } = await on.query<{ is_being_merged: boolean }>(IS_BEING_MERGED, values);
  return rows[0]?.is_being_merged ?? false;
}
