import { textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';

const FIND = `
SELECT given.identity_pool_id FROM unnest($1::text[]) AS given (identity_pool_id)
WHERE EXISTS (SELECT 1 FROM projection.datasets WHERE datasets.identity_pool_id = given.identity_pool_id)`;

/** Returns the given pools of which the query store contains at least one dataset or removal of a dataset. */
export async function findProjectedPools(
  on: Transaction,
  identityPoolIds: readonly string[],
): Promise<string[]> {
  const { rows } = await on.query<{ identity_pool_id: string }>(FIND, [textArray(identityPoolIds)]);
  return rows.map((row) => row.identity_pool_id);
}
