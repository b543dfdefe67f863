import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';

const FIND_ERASED = `
SELECT identity_row_id FROM projection.erased_identities WHERE identity_row_id = ANY ($1::uuid[])`;

/**
 * Drops the items of erased identities.
 * @param identityOf returns the identity of an item; null if it is unknown, which keeps the item
 */
export async function withoutErased<Item>(
  database: Database,
  items: readonly Item[],
  identityOf: (item: Item) => IdentityKey | null,
): Promise<readonly Item[]> {
  const ids = items.map((item) => {
    const identity = identityOf(item);
    return identity === null ? null : identityRowId(identity);
  });
  const known = [...new Set(ids.filter((id) => id !== null))];
  if (known.length === 0) return items;
  const { rows } = await database.query<{ identity_row_id: string }>(FIND_ERASED, [plainArray(known)]);
  if (rows.length === 0) return items;
  const erased = new Set(rows.map((row) => row.identity_row_id));
  return items.filter((_, index) => !erased.has(ids[index] ?? ''));
}
