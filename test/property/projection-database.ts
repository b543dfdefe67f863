import type { Database } from '../../lib/database/database.ts';
import { projectBatch } from '../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { deleteRows } from '../fixtures/database/delete-rows.ts';
import { deliver, NEW_YEAR, readDeliveries } from '../fixtures/sync/stream-events.ts';
import type { History } from './history.ts';
import type { DatasetState, VisibleRows } from './projection-reference.ts';

/** Number of random cases per property. Set `PROPERTY_RUNS=5000` for a long run. */
export const RUNS = Number(process.env.PROPERTY_RUNS ?? 30);

/** Long enough to shrink a counterexample. Otherwise a failure would only report the timeout. */
export const TIMEOUT_MS = 120_000 + RUNS * 1_000;

/** The arrival time of all events: an hour into the year, after the end of every history. */
export const ARRIVED_AT = NEW_YEAR + 3_600_000;

export async function clearRows(database: Database): Promise<void> {
  const tables = ['datasets', 'records', 'quarantine', 'dated_removals', 'stream_progress'];
  await deleteRows(
    database,
    tables.map((table) => `projection.${table}`),
  );
}

/** Projects a batch of stream events whose records are all inline. */
export async function projectInline(database: Database, batch: readonly string[]) {
  const deliveries = batch.map((data) => deliver(Buffer.from(data), ARRIVED_AT));
  return projectBatch(createQueryStore(database), await readDeliveries(deliveries));
}

// The drivers parse dates near the year 1 differently. With milliseconds, the tests compare only what the view returns.
const MODIFIED = '(extract(epoch FROM last_modified_date) * 1000)::bigint AS last_modified_ms';

/** Returns the rows that a reader of the query store sees. */
export async function readVisible(database: Database): Promise<VisibleRows> {
  const datasets = await database.query<VisibleDataset>(`SELECT *, ${MODIFIED} FROM query.datasets`);
  const records = await database.query<VisibleRecord>(`SELECT *, ${MODIFIED} FROM query.records`);
  return {
    datasets: Object.fromEntries(
      datasets.rows.map((row) => [
        nameOf(row),
        { ...versionOf(row), deleted: row.deleted, recordCount: row.record_count },
      ]),
    ),
    records: Object.fromEntries(
      records.rows.map((row) => [
        `${nameOf(row)}/${row.record_key}`,
        { ...versionOf(row), value: row.record_value, numericValue: row.numeric_value },
      ]),
    ),
  };
}

/** Returns the rows that a reader of the query store sees, in the format of a history. */
export async function readOutcome(database: Database): Promise<Pick<History, 'live' | 'removed'>> {
  const { datasets, records } = await readVisible(database);
  return {
    live: Object.fromEntries(Object.entries(records).map(([name, { value }]) => [name, value])),
    removed: Object.fromEntries(Object.entries(datasets).map(([name, { deleted }]) => [name, deleted])),
  };
}

/** Returns the content of the base tables, including tombstones. */
export async function readStates(database: Database): Promise<Record<string, DatasetState>> {
  const datasets = await database.query<StoredDataset>('SELECT * FROM projection.datasets');
  const records = await database.query<StoredRecord>('SELECT * FROM projection.records');
  const byDataset = Map.groupBy(records.rows, (row) => row.dataset_id);
  return Object.fromEntries(
    datasets.rows.map((row) => [
      nameOf(row),
      {
        version: versionOf(row),
        removal:
          row.removed_ms === null || row.removed_sync_count === null
            ? null
            : { lastModifiedDate: row.removed_ms, syncCount: row.removed_sync_count },
        records: Object.fromEntries(
          (byDataset.get(row.dataset_id) ?? []).map((record) => [
            record.record_key,
            { ...versionOf(record), value: record.record_value },
          ]),
        ),
      },
    ]),
  );
}

interface Versioned {
  last_modified_ms: number;
  sync_count: number;
}

interface Named {
  identity_pool_id: string;
  identity_id: string;
  dataset_name: string;
}

interface VisibleDataset extends Versioned, Named {
  deleted: boolean;
  record_count: number;
}

interface VisibleRecord extends Versioned, Named {
  record_key: string;
  record_value: string;
  numeric_value: string | null;
}

interface StoredDataset extends Versioned, Named {
  dataset_id: string;
  removed_ms: number | null;
  removed_sync_count: number | null;
}

interface StoredRecord extends Versioned {
  dataset_id: string;
  record_key: string;
  record_value: string | null;
}

function versionOf(row: Versioned) {
  return { lastModifiedDate: row.last_modified_ms, syncCount: row.sync_count };
}

function nameOf(row: Named): string {
  return `${row.identity_pool_id}/${row.identity_id}/${row.dataset_name}`;
}

/** Returns every row of the projection, with all columns. */
export async function readEverything(database: Database): Promise<unknown[]> {
  const datasets = await database.query('SELECT * FROM projection.datasets ORDER BY dataset_id');
  const records = await database.query('SELECT * FROM projection.records ORDER BY dataset_id, record_id');
  return [...datasets.rows, ...records.rows];
}

/** Counts values that should have been erased, because they are not newer than the removal of their dataset. */
export async function countCovered(database: Database): Promise<number> {
  const { rows } = await database.query<{ count: number }>(
    `SELECT count(*) FROM projection.records JOIN projection.datasets USING (dataset_id)
     WHERE (records.last_modified_ms, records.sync_count) <= (removed_ms, removed_sync_count)
       AND (record_value IS NOT NULL OR numeric_value IS NOT NULL)`,
  );
  return rows[0]?.count ?? 0;
}
