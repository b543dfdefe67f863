import type { IdentityKey } from '../../common/dataset-key.ts';
import type { Transaction } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import { LOCK_IDENTITY, type LockedIdentityRow } from './identity-statements.ts';

const READ_STATE = `
SELECT merged_into FROM identity.identities WHERE identity_id = $1 AND identity_pool_id = $2`;

/** If the merge is still pending, its target is not changed, because the identity's data must be moved there first. */
const ADD_PENDING_MERGE = `
INSERT INTO sync.pending_merges AS stored (
  identity_row_id, identity_pool_id, identity_id, into_identity_id, merged_ms)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (identity_row_id) DO UPDATE SET merged_ms = greatest(stored.merged_ms, excluded.merged_ms)`;

/** Whether an identity exists, and whether it was merged into another identity. */
export type IdentityState = 'exists' | 'merged' | 'missing';

/** Returns whether an identity exists, and whether it was merged into another identity. */
export async function readIdentityState(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
): Promise<IdentityState> {
  const values = [identityId, identityPoolId];
  const { rows } = await on.query<{ merged_into: string | null }>(READ_STATE, values);
  if (!rows[0]) return 'missing';
  return rows[0].merged_into === null ? 'exists' : 'merged';
}

/**
 * Does the same as `readIdentityState`, and locks the identity: until the transaction ends, it is neither deleted nor
 * merged.
 */
export async function lockIdentityState(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
): Promise<IdentityState> {
  const { rows } = await on.query<LockedIdentityRow>(LOCK_IDENTITY, [identityId]);
  if (rows[0]?.identity_pool_id !== identityPoolId) return 'missing';
  return rows[0].merged_into === null ? 'exists' : 'merged';
}

/**
 * Makes a merge pending again. Data that is written to a merged identity after the end of its merge is then moved, too.
 *
 * @param at the current time, epoch milliseconds
 */
export async function mergeAgain(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
  at: number,
): Promise<void> {
  const { rows } = await on.query<{ merged_into: string | null }>(READ_STATE, [identityId, identityPoolId]);
  const into = rows[0]?.merged_into ?? null;
  if (into === null) return;
  const rowId = identityRowId({ identityPoolId, identityId });
  await on.query(ADD_PENDING_MERGE, [rowId, identityPoolId, identityId, into, at]);
}
