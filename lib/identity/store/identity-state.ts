import type { IdentityKey } from '../../common/dataset-key.ts';
import type { Transaction } from '../../database/database.ts';

const READ_STATE = `
SELECT merged_into FROM identity.identities WHERE identity_id = $1 AND identity_pool_id = $2`;

/** Returns whether an identity exists, and whether it was merged into another identity. */
export async function readIdentityState(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
): Promise<'exists' | 'merged' | 'missing'> {
  const values = [identityId, identityPoolId];
  const { rows } = await on.query<{ merged_into: string | null }>(READ_STATE, values);
  if (!rows[0]) return 'missing';
  return rows[0].merged_into === null ? 'exists' : 'merged';
}
