import type { IdentityKey } from '../../common/dataset-key.ts';
import type { Transaction } from '../../database/database.ts';
import { LOCK_IDENTITY, type LockedIdentityRow } from './identity-statements.ts';

const READ_STATE = `
SELECT merged_into FROM identity.identities WHERE identity_id = $1 AND identity_pool_id = $2`;

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

/** Returns the same, and locks the identity, so that it is neither deleted nor merged during the transaction. */
export async function lockIdentityState(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
): Promise<IdentityState> {
  const { rows } = await on.query<LockedIdentityRow>(LOCK_IDENTITY, [identityId]);
  if (rows[0]?.identity_pool_id !== identityPoolId) return 'missing';
  return rows[0].merged_into === null ? 'exists' : 'merged';
}
