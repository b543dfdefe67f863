import { randomUUID } from 'node:crypto';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import type { SqlValue, Transaction } from '../../database/database.ts';
import { datasetId, identityIdHash } from '../../database/row-ids.ts';
import type { SyncRecord } from '../model.ts';
import type {
  CountedDataset,
  DatasetUpdate,
  DatasetVersion,
  OutgoingEvent,
  StoredDataset,
  VersionedUpdate,
} from '../ports/sync-store.ts';
import {
  addUsage,
  IS_BRIDGED,
  insertRecords,
  markDatasets,
  NEW_MARK,
  type WrittenRow,
} from './dataset-write-parts.ts';
import { eraseRecords, insertDataset, LIST_COPY, updateDataset } from './dataset-write-statements.ts';
import type { DatasetWrites } from './dataset-writes.ts';
import { putPayloads } from './put-payloads.ts';
import { toDatasetValues, toRecordColumns, toVersionedValues } from './sync-rows.ts';
import { isIdentityDeleted } from './sync-statements.ts';
import { transact } from './transact.ts';
import { UPDATE_AT_VERSION, type VersionedRow } from './versioned-update-statements.ts';

const INSERT_DATASET = insertDataset();
const UPDATE_DATASET = updateDataset();
/** These two statements write nothing if the identity was deleted. $15: the hash of the identity's id. */
const INSERT_DATASET_OF_CALLER = insertDataset(` AND NOT ${isIdentityDeleted('$15')}`);
const UPDATE_DATASET_OF_CALLER = updateDataset(` AND NOT ${isIdentityDeleted('$15')}`);

const ADD_USAGE = addUsage('VALUES ($1::text, $2::text, $3::bigint, $4::bigint)');

/** Returns the ids of the written events; no row if streaming is disabled. From $2: ids, partition keys, events. */
const PUT_EVENTS = `
INSERT INTO sync.outbox (outbox_id, partition_key, event, event_bytes, created_at, attempts, stream_name)
SELECT change.outbox_id, change.partition_key, change.data, octet_length(change.data), now(), 0, pools.stream_name
FROM sync.identity_pools AS pools,
  unnest($2::uuid[], $3::text[], $4::text[]) AS change (outbox_id, partition_key, data)
WHERE pools.identity_pool_id = $1 AND pools.streaming_status = 'ENABLED'
RETURNING outbox_id`;

/** From $5: the columns of the records. */
const PUT_RECORDS = insertRecords(
  `SELECT $1::uuid, record.*, $2::bigint, $3::bigint, $4::text
  FROM unnest($5::uuid[], $6::text[], $7::text[], $8::bigint[]) AS record`,
);

const SPEND = `
INSERT INTO sync.spent_tokens (dataset_id, expires_ms, session_id) VALUES ($1, $2, $3)`;

const IS_SUBSCRIBED = `
SELECT EXISTS (SELECT 1 FROM sync.subscriptions WHERE dataset_id = $1) AS subscribed,
  EXISTS (SELECT 1 FROM sync.identity_pools WHERE identity_pool_id = $2 AND ${IS_BRIDGED}) AS bridged`;

/** Marks the dataset if changes of its pool must be written back to an origin. */
const MARK_DATASET = markDatasets(`
SELECT $1::uuid, $2::text, $3::text, $4::text, ${NEW_MARK}
FROM sync.identity_pools WHERE identity_pool_id = $2 AND ${IS_BRIDGED}`);

const PUT_COPY = `${LIST_COPY} VALUES ($1, $2)
ON CONFLICT (dataset_id) DO UPDATE SET root_dataset_id = excluded.root_dataset_id`;

const FORGET_COPY = 'DELETE FROM sync.merged_datasets WHERE dataset_id = $1';

const ERASE = eraseRecords('dataset_id = $1');

/**
 * Writes for Aurora DSQL: several statements in one transaction. Aurora DSQL has no locks. If another transaction has
 * changed the same dataset, the COMMIT fails with SQLSTATE 40001, and the transaction runs again.
 */
export const PLAIN_WRITES: DatasetWrites = {
  alone: transact,

  async writeChange(on, dataset, update, { dataset: before }) {
    const isOfCaller = update.spend !== null;
    if (!(await writeDataset(on, dataset, update.dataset, before, isOfCaller))) return null;
    const erased = await writeRows(on, datasetId(dataset), update);
    return { ...(await announce(on, dataset, update.event)), erased };
  },

  create: async () => null,

  async writeAtVersion(on, dataset, update) {
    // UPDATE_AT_VERSION does not use the last column of the records.
    const values = toVersionedValues(dataset, update).slice(0, -1);
    const { rows } = await on.query<VersionedRow>(UPDATE_AT_VERSION, values);
    const [written] = rows;
    if (!written) return null;
    await addToUsage(on, dataset, update.next, written.added_storage);
    await writeRows(on, datasetId(dataset), { ...update, dataset: update.next });
    return { ...written, ...(await announce(on, dataset, update.event)) };
  },

  async writeCopy(on, target, { dataset, records }, before) {
    if (!(await writeDataset(on, target.dataset, dataset, before))) return false;
    const id = datasetId(target.dataset);
    await on.query(PUT_COPY, [id, datasetId(target.root)]);
    await putRecords(on, id, dataset, records);
    await markDataset(on, target.dataset);
    return true;
  },

  async writeMerged(on, source, deletion, before) {
    if (!(await writeDataset(on, source, deletion, before))) return false;
    await on.query(FORGET_COPY, [datasetId(source)]);
    await markDataset(on, source);
    return true;
  },

  putEvents,
};

interface SubscribedRow {
  subscribed: boolean;
  /** Whether changes must be written back to the origin of a migration. */
  bridged: boolean;
}

/**
 * Puts the event of a change into the outbox. Marks the dataset for the bridge, if changes of its pool are written to
 * an origin.
 */
async function announce(
  on: Transaction,
  dataset: DatasetKey,
  event: OutgoingEvent,
): Promise<Pick<WrittenRow, 'outbox_id' | 'subscribed'>> {
  const [outboxId] = await putEvents(on, dataset.identityPoolId, [event]);
  const { rows } = await on.query<SubscribedRow>(IS_SUBSCRIBED, [datasetId(dataset), dataset.identityPoolId]);
  if (rows[0]?.bridged) await markDataset(on, dataset);
  return { outbox_id: outboxId ?? null, subscribed: rows[0]?.subscribed ?? false };
}

async function markDataset(on: Transaction, dataset: DatasetKey): Promise<void> {
  const { identityPoolId, identityId, datasetName } = dataset;
  await on.query(MARK_DATASET, [datasetId(dataset), identityPoolId, identityId, datasetName]);
}

/**
 * Writes the dataset and the usage of its pool.
 *
 * @param isOfCaller whether a request of a caller is the reason for the write. Such a write is not allowed for a
 *   deleted identity
 * @returns false if nothing was written, because the dataset has changed or the identity was deleted
 */
async function writeDataset(
  on: Transaction,
  dataset: DatasetKey,
  stored: CountedDataset,
  before: StoredDataset | null,
  isOfCaller = false,
): Promise<boolean> {
  const values = toDatasetValues(dataset, stored, before);
  const added = values.pop() ?? 0;
  const [ofCaller, ofService] =
    before === null ? [INSERT_DATASET_OF_CALLER, INSERT_DATASET] : [UPDATE_DATASET_OF_CALLER, UPDATE_DATASET];
  const { rowsChanged } = isOfCaller
    ? await on.query(ofCaller, [...values, identityIdHash(dataset.identityId)])
    : await on.query(ofService, values);
  if (rowsChanged === 0) return false;
  await addToUsage(on, dataset, stored, added);
  return true;
}

async function addToUsage(
  on: Transaction,
  dataset: DatasetKey,
  { lastModifiedDate }: DatasetVersion,
  added: SqlValue,
): Promise<void> {
  const slot = datasetId(dataset).slice(0, 2);
  await on.query(ADD_USAGE, [dataset.identityPoolId, slot, added, lastModifiedDate]);
}

type NewVersion = VersionedUpdate['next'];

/** Writes the records of an update, or erases those of a deletion. @returns the number of erased records */
async function writeRows(
  on: Transaction,
  id: string,
  { dataset, records, spend }: Pick<DatasetUpdate, 'records' | 'spend'> & { dataset: NewVersion },
): Promise<number> {
  if (spend === null) {
    await on.query(FORGET_COPY, [id]);
    return (await on.query(ERASE, [id])).rowsChanged;
  }
  await on.query(SPEND, [id, spend.expiresAt, spend.sessionId]);
  await putRecords(on, id, dataset, records);
  return 0;
}

async function putRecords(
  on: Transaction,
  id: string,
  { syncCount, lastModifiedDate, lastModifiedBy }: NewVersion,
  records: readonly SyncRecord[],
): Promise<void> {
  if (records.length === 0) return;
  await on.query(PUT_RECORDS, [id, syncCount, lastModifiedDate, lastModifiedBy, ...toRecordColumns(records)]);
}

async function putEvents(
  on: Transaction,
  identityPoolId: string,
  events: readonly OutgoingEvent[],
): Promise<string[]> {
  const ids = events.map(() => randomUUID());
  const { rows } = await on.query<{ outbox_id: string }>(PUT_EVENTS, [
    identityPoolId,
    plainArray(ids),
    textArray(events.map(({ partitionKey }) => partitionKey)),
    textArray(events.map(({ data }) => data)),
  ]);
  if (rows.length > 0) await putPayloads(on, identityPoolId, events, ids);
  return rows.map((row) => row.outbox_id);
}
