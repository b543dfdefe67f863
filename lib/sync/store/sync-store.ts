import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { datasetId, identityIdHash, recordId } from '../../database/row-ids.ts';
import type { SyncRecord } from '../model.ts';
import type { ReadRecordsOptions, ReadRecordsResult, SyncStore } from '../ports/sync-store.ts';
import { changeDataset } from './change-dataset.ts';
import { createDataset } from './create-dataset.ts';
import { toListedDataset, toRecordOrNull, toStoredDataset } from './sync-rows.ts';
import {
  type CopyRow,
  READ_COPIES,
  READ_DATASET,
  READ_DATASETS,
  READ_IDENTITY_DELETED,
  READ_LIVE_RECORDS,
  READ_RECORDS,
  READ_RECORDS_IN_SESSION,
  type ReadRow,
  type SyncDatasetRow,
} from './sync-statements.ts';
import { updateAtVersion } from './update-at-version.ts';

/** Creates the sync store, on any `Database`. */
export function createSyncStore(database: Database): SyncStore {
  return {
    readRecords: (dataset, options) => readRecords(database, dataset, options),

    async readLiveRecords(dataset, { keys, session }) {
      const ids = plainArray(keys.map(recordId));
      const values = [datasetId(dataset), ids, session.expiresAt, session.sessionId];
      const { rows } = await database.query<ReadRow>(READ_LIVE_RECORDS, values);
      return { ...toRead(rows), records: toRecords(rows) };
    },

    async readDataset(dataset) {
      const values = [datasetId(dataset), identityIdHash(dataset.identityId)];
      const { rows } = await database.query<SyncDatasetRow>(READ_DATASET, values);
      return rows[0] ? toStoredDataset(rows[0]) : null;
    },

    async readDatasets({ identityPoolId, identityId }, { after, limit }) {
      const values = [identityPoolId, identityId, after, limit, identityIdHash(identityId)];
      const { rows } = await database.query<SyncDatasetRow>(READ_DATASETS, values);
      return rows.map(toStoredDataset);
    },

    async isIdentityDeleted(identityId) {
      const values = [identityIdHash(identityId)];
      const { rows } = await database.query<{ identity_deleted: boolean }>(READ_IDENTITY_DELETED, values);
      return rows[0]?.identity_deleted ?? false;
    },

    updateAt: (dataset, update) => updateAtVersion(database, dataset, update),

    create: (dataset, update, conditions) => createDataset(database, dataset, update, conditions),

    change: (dataset, about, decide) => changeDataset({ database, dataset, about, decide }),
  };
}

// The highest record id. A position with this id follows all records that have the count of the position.
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

async function readRecords(
  database: Database,
  dataset: DatasetKey,
  { session, after, upTo, limit }: ReadRecordsOptions,
): Promise<ReadRecordsResult> {
  const values = [
    datasetId(dataset),
    ...readPosition(after),
    upTo ?? Number.MAX_SAFE_INTEGER,
    limit === null ? null : limit + 1,
    identityIdHash(dataset.identityId),
  ];
  const { rows } = await (session === null
    ? database.query<ReadRow>(READ_RECORDS, values)
    : database.query<ReadRow>(READ_RECORDS_IN_SESSION, [...values, session.expiresAt, session.sessionId]));
  const [first] = rows;
  const found = toRecords(rows);
  const records = limit === null ? found : found.slice(0, limit);
  const last = found.length > records.length ? records.at(-1) : undefined;
  // Most datasets exist and have no copies. For a dataset that does not exist or has copies, one more round trip reads
  // the names of the copies, and whether the identity was deleted.
  const isUsual = first?.has_copies === false && first.sync_count > first.deleted_sync_count;
  const about = isUsual
    ? { mergedDatasetNames: [], identityDeleted: false }
    : await readCopies(database, dataset);
  return {
    ...toRead(rows),
    ...about,
    records,
    next: last ? `${last.SyncCount}:${recordId(last.Key)}` : null,
  };
}

function toRead([first]: readonly ReadRow[]): Pick<ReadRecordsResult, 'dataset' | 'spent'> {
  return { dataset: first ? toListedDataset(first) : null, spent: first?.spent ?? false };
}

function toRecords(rows: readonly ReadRow[]): SyncRecord[] {
  return rows.map(toRecordOrNull).filter((record) => record !== null);
}

async function readCopies(
  database: Database,
  dataset: DatasetKey,
): Promise<Pick<ReadRecordsResult, 'mergedDatasetNames' | 'identityDeleted'>> {
  const values = [datasetId(dataset), identityIdHash(dataset.identityId)];
  const { rows } = await database.query<CopyRow>(READ_COPIES, values);
  return {
    mergedDatasetNames: rows.flatMap((row) => row.dataset_name ?? []).sort(),
    identityDeleted: rows[0]?.identity_deleted ?? false,
  };
}

function readPosition(after: number | string): [syncCount: number, recordId: string] {
  if (typeof after === 'number') return [after, LAST_ID];
  const [syncCount, id] = after.split(':');
  return [Number(syncCount), id ?? LAST_ID];
}
