import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';

const LOCK_IDENTITIES = `
INSERT INTO sync.identities (identity_row_id, identity_pool_id, identity_id)
SELECT given.identity_row_id, $1::text, given.identity_id
FROM unnest($2::uuid[], $3::text[]) AS given (identity_row_id, identity_id)
ORDER BY given.identity_row_id
ON CONFLICT (identity_row_id) DO UPDATE SET identity_id = excluded.identity_id`;

/**
 * Locks identities of a pool, in the order of their rows, so that two transactions do not deadlock. The lock is a write
 * of the identity's row, because Aurora DSQL has no locks: there, two transactions that write the same row conflict, and
 * one of them runs again.
 */
export async function lockIdentities(
  on: Transaction,
  identityPoolId: string,
  identityIds: readonly string[],
): Promise<void> {
  const rowIds = identityIds.map((identityId) => identityRowId({ identityPoolId, identityId }));
  await on.query(LOCK_IDENTITIES, [identityPoolId, plainArray(rowIds), textArray(identityIds)]);
}
