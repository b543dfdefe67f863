import { SetupError } from '../../common/errors.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import { columnsOf, type TableRow, type TableShape, upsertStatement } from '../../database/table-shape.ts';
import { findForeignIdentity, removeLogins } from '../../identity/store/export-identities.ts';
import { IDENTITIES, LOGINS } from '../../identity/store/exported-tables.ts';
import { AGREED_DATASETS, PENDING_KEYS } from '../../move/store/exported-tables.ts';
import { findDatasets } from '../../sync/store/export-datasets.ts';
import {
  DATASETS,
  MERGED_DATASETS,
  RECORDS,
  SPENT_TOKENS,
  SUBSCRIPTIONS,
} from '../../sync/store/exported-tables.ts';
import { lockIdentities } from '../../sync/store/lock-identities.ts';
import type { ServiceItem } from '../service-file.ts';
import { SINGLE_ROWS } from './service-tables.ts';
import type { WritingCommand } from './writing-command.ts';

/**
 * Writes items of an export. No two of them may write the same row.
 * @param by the command whose advice an error contains
 * @throws {SetupError} an identity belongs to another pool here
 */
export async function writeItems(
  on: Transaction,
  items: readonly ServiceItem[],
  by: WritingCommand,
): Promise<void> {
  const datasets = items.filter((item) => item.type === 'dataset');
  const identities = items.filter((item) => item.type === 'identity');
  const rows = items.filter((item) => item.type === 'row');
  const foreign = await findForeignIdentity(on, rowsOf(identities));
  if (foreign !== null) {
    throw new SetupError(`the identity ${foreign} belongs to another pool here; ${by.foreignIdentity}`);
  }
  await writeRows(on, DATASETS, rowsOf(datasets));
  await createSyncIdentities(on, rowsOf(datasets));
  const copies = datasets.map(({ row, copyOf }) => ({
    dataset_id: row.dataset_id ?? null,
    root_dataset_id: copyOf,
  }));
  await writeRows(
    on,
    MERGED_DATASETS,
    copies.filter((copy) => copy.root_dataset_id !== null),
  );
  await writeRows(on, RECORDS, rowsOf(items.filter((item) => item.type === 'record')));
  await removeLogins(
    on,
    identities.map(({ row }) => String(row.identity_id)),
  );
  await writeRows(on, IDENTITIES, rowsOf(identities));
  await writeRows(
    on,
    LOGINS,
    identities.flatMap(({ logins }) => logins),
  );
  for (const shape of SINGLE_ROWS) {
    const ofTable = rowsOf(rows.filter(({ table }) => table === shape.name));
    await writeRows(on, shape, OF_DATASETS.includes(shape) ? await withDataset(on, ofTable) : ofTable);
  }
}

/**
 * Tables whose rows name only a dataset. Such a row does not show whether its pool or identity was deleted during the
 * export, so the import has not skipped it.
 */
const OF_DATASETS: readonly TableShape[] = [SUBSCRIPTIONS, SPENT_TOKENS, AGREED_DATASETS, PENDING_KEYS];

/** Leaves out rows of datasets that do not exist, for example because the import skipped the datasets. */
async function withDataset(on: Transaction, rows: readonly TableRow[]): Promise<TableRow[]> {
  const existing = await findDatasets(
    on,
    rows.map((row) => String(row.dataset_id)),
  );
  return rows.filter((row) => existing.has(String(row.dataset_id)));
}

const rowsOf = (items: readonly { row: TableRow }[]): TableRow[] => items.map(({ row }) => row);

async function writeRows(on: Transaction, shape: TableShape, rows: readonly TableRow[]): Promise<void> {
  if (rows.length === 0) return;
  const columns = columnsOf(shape).map((column) => {
    const values = rows.map((row) => row[column] ?? null);
    const texts = values.map((value) => (value === null ? null : String(value)));
    return shape.columns[column]?.startsWith('text') ? textArray(texts) : plainArray(texts);
  });
  await on.query(upsertStatement(shape), columns);
}

/** Creates the rows of `sync.identities`. Each identity that has a dataset has such a row, derived from the dataset. */
async function createSyncIdentities(on: Transaction, datasets: readonly TableRow[]): Promise<void> {
  const byPool = Map.groupBy(datasets, (row) => String(row.identity_pool_id));
  for (const [identityPoolId, rows] of byPool) {
    const identityIds = new Set(rows.map((row) => String(row.identity_id)));
    await lockIdentities(on, identityPoolId, [...identityIds]);
  }
}
