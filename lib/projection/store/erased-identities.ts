import type { IdentityKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import { RECORD_BYTES, withinBytes } from '../../database/within-bytes.ts';

const FIND_ERASED = `
SELECT identity_row_id FROM projection.erased_identities WHERE identity_row_id = ANY ($1::uuid[])`;

// Aurora DSQL allows at most 3,000 changed rows per transaction.
const ERASE_ROWS = 2_500;

const ERASE_RECORDS = `
DELETE FROM projection.records
WHERE (dataset_id, record_id) IN (${withinBytes(
  'dataset_id, record_id',
  `SELECT dataset_id, record_id, ${RECORD_BYTES} FROM projection.records
  WHERE dataset_id = ANY ($1::uuid[]) LIMIT ${ERASE_ROWS}`,
)})`;

const ERASE_DATASETS = `
DELETE FROM projection.datasets
WHERE dataset_id IN (
  SELECT dataset_id FROM projection.datasets WHERE dataset_id = ANY ($1::uuid[]) LIMIT ${ERASE_ROWS})`;

interface SplitItems<Item> {
  kept: readonly Item[];
  erased: readonly Item[];
}

/**
 * Separates the items of erased identities from the other items.
 * @param identityOf returns the identity of an item; null if it is unknown. Such an item counts as not erased
 */
export async function splitErased<Item>(
  database: Database,
  items: readonly Item[],
  identityOf: (item: Item) => IdentityKey | null,
): Promise<SplitItems<Item>> {
  const ids = items.map((item) => {
    const identity = identityOf(item);
    return identity === null ? null : identityRowId(identity);
  });
  const known = [...new Set(ids.filter((id) => id !== null))];
  if (known.length === 0) return { kept: items, erased: [] };
  const { rows } = await database.query<{ identity_row_id: string }>(FIND_ERASED, [plainArray(known)]);
  if (rows.length === 0) return { kept: items, erased: [] };
  const found = new Set(rows.map((row) => row.identity_row_id));
  const isErased = (_: Item, index: number) => found.has(ids[index] ?? '');
  return {
    kept: items.filter((item, index) => !isErased(item, index)),
    erased: items.filter(isErased),
  };
}

/**
 * Erases datasets of erased identities, with their records and tombstones.
 * @returns the number of erased rows
 */
export async function eraseDatasets(database: Database, datasetIds: readonly string[]): Promise<number> {
  if (datasetIds.length === 0) return 0;
  const ids = plainArray(datasetIds);
  let erased = 0;
  for (const sql of [ERASE_RECORDS, ERASE_DATASETS]) {
    for (;;) {
      const { rowsChanged } = await database.query(sql, [ids]);
      erased += rowsChanged;
      if (rowsChanged === 0) break;
    }
  }
  return erased;
}
