import type { Database } from '../../lib/database/database.ts';

/** The visible rows: `pool/identity/dataset` to its row, `pool/identity/dataset/key` to a live record. */
export interface Rows {
  datasets: Record<string, { deleted: boolean; records: number; syncCount: number; lastModified: number }>;
  records: Record<string, { value: string; syncCount: number; lastModified: number }>;
}

const NAME = "identity_pool_id || '/' || identity_id || '/' || dataset_name";

interface Versioned {
  name: string;
  sync_count: number;
  last_modified_date: Date;
}

export async function readRows(database: Database): Promise<Rows> {
  const datasets = await database.query<Versioned & { deleted: boolean; record_count: number }>(
    `SELECT ${NAME} AS name, * FROM query.datasets`,
  );
  const records = await database.query<Versioned & { record_value: string }>(
    `SELECT ${NAME} || '/' || record_key AS name, * FROM query.records`,
  );
  return {
    datasets: Object.fromEntries(
      datasets.rows.map((row) => [
        row.name,
        { deleted: row.deleted, records: row.record_count, ...versionOf(row) },
      ]),
    ),
    records: Object.fromEntries(
      records.rows.map((row) => [row.name, { value: row.record_value, ...versionOf(row) }]),
    ),
  };
}

function versionOf(row: Versioned): { syncCount: number; lastModified: number } {
  return { syncCount: row.sync_count, lastModified: row.last_modified_date.getTime() };
}
