import type { DatasetKey } from '../stream/stream-event.ts';
import type { ReadRecordsOptions, ReadRecordsResult, SyncStore } from '../sync/sync-store-port.ts';
import { changeDataset } from './change-dataset.ts';
import type { Database } from './database.ts';
import { datasetId } from './row-ids.ts';
import { toListedDataset, toRecord, toStoredDataset } from './sync-rows.ts';
import {
  type DatasetRow,
  type ListedRow,
  READ_DATASET,
  READ_DATASETS,
  READ_RECORDS,
} from './sync-statements.ts';

/** The sync store, on any `Database`. */
export function createSyncStore(database: Database): SyncStore {
  return {
    readRecords: (dataset, options) => readRecords(database, dataset, options),

    async readDataset(dataset) {
      const { rows } = await database.query<DatasetRow>(READ_DATASET, [datasetId(dataset)]);
      return rows[0] ? toStoredDataset(rows[0]) : null;
    },

    async readDatasets({ identityPoolId, identityId }, { after, limit }) {
      const values = [identityPoolId, identityId, after, limit];
      const { rows } = await database.query<DatasetRow>(READ_DATASETS, values);
      return rows.map(toStoredDataset);
    },

    change: (dataset, about, decide) => changeDataset(database, dataset, about, decide),
  };
}

// The last there is: a position with it is behind all records of its count.
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

async function readRecords(
  database: Database,
  dataset: DatasetKey,
  { session, after, upTo, limit }: ReadRecordsOptions,
): Promise<ReadRecordsResult> {
  const { rows } = await database.query<ListedRow>(READ_RECORDS, [
    datasetId(dataset),
    ...readPosition(after),
    upTo ?? Number.MAX_SAFE_INTEGER,
    limit === null ? null : limit + 1,
    session?.expiresAt ?? null,
    session?.sessionId ?? null,
  ]);
  const [first] = rows;
  const found = rows.filter((row) => row.record_id !== null);
  const page = limit === null ? found : found.slice(0, limit);
  const last = found.length > page.length ? page.at(-1) : undefined;
  return {
    dataset: first ? toListedDataset(first) : null,
    spent: first?.spent ?? false,
    records: page.map(toRecord),
    next: last ? `${last.record_sync_count}:${last.record_id}` : null,
  };
}

function readPosition(after: number | string): [syncCount: number, recordId: string] {
  if (typeof after === 'number') return [after, LAST_ID];
  const [syncCount, id] = after.split(':');
  return [Number(syncCount), id ?? LAST_ID];
}
