import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Database, Transaction } from '../../database/database.ts';
import { identityIdHash } from '../../database/row-ids.ts';
import { sealId, unsealId } from './sealed-ids.ts';

/**
 * Stores merges of identities that are being deleted. $2 to $4: the hashes of the merged ids, the hashes of the ids
 * into which they were merged, sealed ids.
 */
const KEEP_MERGES = `
INSERT INTO identity.deleted_merges (merged_hash, root_hash, sealed_id, deleted_ms)
SELECT given.merged_hash, given.root_hash, given.sealed_id, $1::bigint
FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS given (merged_hash, root_hash, sealed_id)
ON CONFLICT (merged_hash) DO NOTHING`;

const LIST_MERGES = `
SELECT root_hash, sealed_id FROM identity.deleted_merges WHERE root_hash = ANY ($1::uuid[])`;

/** Merges of a pool per step. Aurora DSQL changes at most 3,000 rows in a transaction. */
const STEP_MERGES = 2_500;

/** The next merged identities of the pool $1, after the id $2. */
const LIST_MERGED_OF_POOL = `
SELECT identity_id, merged_into FROM identity.identities
WHERE identity_pool_id = $1 AND identity_id > $2 AND merged_into IS NOT NULL
ORDER BY identity_id
LIMIT ${STEP_MERGES}`;

interface MergeRow {
  identity_id: string;
  merged_into: string;
}

/** Keeps, for later erasures, which identities were merged into which. Must be called before their rows are removed. */
export async function keepMerges(on: Transaction, merges: readonly MergeRow[], at: number): Promise<void> {
  if (merges.length === 0) return;
  await on.query(KEEP_MERGES, [
    at,
    plainArray(merges.map((merge) => identityIdHash(merge.identity_id))),
    plainArray(merges.map((merge) => identityIdHash(merge.merged_into))),
    textArray(merges.map((merge) => sealId(merge.identity_id, merge.merged_into))),
  ]);
}

/** Keeps all merges of a pool whose identities are about to be removed. Can be repeated. */
export async function keepMergesOfPool(
  database: Database,
  identityPoolId: string,
  at: number,
): Promise<void> {
  for (let after = ''; ; ) {
    const { rows } = await database.query<MergeRow>(LIST_MERGED_OF_POOL, [identityPoolId, after]);
    await keepMerges(database, rows, at);
    const last = rows.at(-1);
    if (!last || rows.length < STEP_MERGES) return;
    after = last.identity_id;
  }
}

/** Returns the ids of the deleted identities that had been merged into one of these identities. */
export async function listDeletedMerges(database: Database, into: readonly string[]): Promise<string[]> {
  const idOf = new Map(into.map((id) => [identityIdHash(id), id]));
  const { rows } = await database.query<{ root_hash: string; sealed_id: string }>(LIST_MERGES, [
    plainArray([...idOf.keys()]),
  ]);
  return rows.flatMap((row) => {
    const root = idOf.get(row.root_hash);
    return root === undefined ? [] : [unsealId(row.sealed_id, root)];
  });
}
