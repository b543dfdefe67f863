// Parts of statements that write a dataset. Each part is a query of a WITH, and writes nothing if the query `written`
// returns no row. In all statements, $1 to $4 are the id and the key of the dataset, $5 its new count, $8 its new date,
// and $9 who changes it.

import { writeParts } from './payload-parts.ts';

/** Adds to the usage of pools. `values` returns the pool, the slot, the added bytes and the date of the change. */
export const addUsage = (values: string) => `
INSERT INTO sync.pool_usage AS sums (identity_pool_id, slot, data_storage, last_modified_ms)
${values}
ON CONFLICT (identity_pool_id, slot) DO UPDATE SET
  data_storage = sums.data_storage + excluded.data_storage,
  last_modified_ms = greatest(sums.last_modified_ms, excluded.last_modified_ms)`;

/**
 * Returns the part of a statement that writes the event if streaming is enabled for the pool, for the pool's current
 * stream.
 *
 * @param first the parameter of the event's id; the partition key and the event follow
 * @param from the FROM and the start of the WHERE that yield the pool of the written dataset as `pools`
 */
export function putEvent(first: number, from: string): string {
  return `event AS (
  INSERT INTO sync.outbox (outbox_id, partition_key, event, event_bytes, created_at, attempts, stream_name)
  SELECT $${first}::uuid, $${first + 1}::text, $${first + 2}::text, octet_length($${first + 2}::text), now(), 0,
    pools.stream_name ${from} pools.streaming_status = 'ENABLED'
  RETURNING outbox_id
)`;
}

/**
 * Returns the statement that marks datasets as changed since the bridge to the origin of a migration last read them.
 * Each change replaces the mark, so the bridge notices a change that is made while the bridge reads the dataset.
 *
 * @param select a SELECT that returns the columns of the marks
 */
export const markDatasets = (select: string) => `
INSERT INTO sync.unbridged_datasets AS marks (
  dataset_id, identity_pool_id, identity_id, dataset_name, mark_id, next_ms, attempts)
${select}
ON CONFLICT (dataset_id) DO UPDATE SET
  mark_id = excluded.mark_id,
  next_ms = least(marks.next_ms, excluded.next_ms)`;

/** The values of the last columns of a new mark: an id, the current time, and no failed attempt. */
export const NEW_MARK = 'gen_random_uuid(), (extract(epoch FROM now()) * 1000)::bigint, 0';

/**
 * Whether the bridge writes changes of a pool to the origin. Data that is removed because the pool was deleted must
 * stay there.
 */
export const IS_BRIDGED = 'bridges AND deleted_ms IS NULL';

/** Returns the part of a statement that marks the written dataset. @param from the FROM and the WHERE of a bridged pool */
export function markWritten(from: string): string {
  return `mark AS (${markDatasets(`
  SELECT dataset_id, $2::text, $3::text, $4::text, ${NEW_MARK} ${from}`)}
)`;
}

export interface WrittenRow {
  /** Null if streaming is disabled for the pool. */
  outbox_id: string | null;
  /** Whether any device subscribes to the dataset. */
  subscribed: boolean;
  /** Number of records erased. */
  erased: number;
}

/** Writes the records that `select` returns. */
export const insertRecords = (select: string) => `
INSERT INTO sync.records (
  dataset_id, record_id, record_key, record_value, device_last_modified_ms,
  sync_count, last_modified_ms, last_modified_by)
${select}
ON CONFLICT (dataset_id, record_id) DO UPDATE SET
  record_value = excluded.record_value,
  device_last_modified_ms = excluded.device_last_modified_ms,
  sync_count = excluded.sync_count,
  last_modified_ms = excluded.last_modified_ms,
  last_modified_by = excluded.last_modified_by`;

/** Writes records of the dataset. The columns of the records are the parameters from `first` on. */
export const writeRecords = (first: number) => `records AS (${insertRecords(`
  SELECT written.dataset_id, record.*, $5::bigint, $8::bigint, $9::text
  FROM written, unnest($${first}::uuid[], $${first + 1}::text[], $${first + 2}::text[], $${first + 3}::bigint[]) AS record`)}
)`;

export const OUTCOME = `
  (SELECT outbox_id FROM event) AS outbox_id,
  EXISTS (SELECT 1 FROM sync.subscriptions WHERE dataset_id = $1) AS subscribed`;

/** Returns the part of a statement that stores a used session. The parameters from `first` on: its expiry and its id. */
export function spendSession(first: number): string {
  return `spent AS (
  INSERT INTO sync.spent_tokens (dataset_id, expires_ms, session_id)
  SELECT dataset_id, $${first}::bigint, $${first + 1}::uuid FROM written
)`;
}

/**
 * Returns the part of a statement that writes the payload of the event, if the event is written. The parameters from
 * `first` on: the id, the start of the body, the expiry, the id of the identity's row, and the columns of the other
 * parts of the body.
 */
export function putPayload(first: number): string {
  return `payload AS (
  INSERT INTO sync.payloads (payload_id, body, expires_ms, identity_row_id, outbox_id)
  SELECT $${first}::uuid, $${first + 1}::text, $${first + 2}::bigint, $${first + 3}::uuid, outbox_id FROM event
), parts AS (${writeParts(first + 4)}
WHERE EXISTS (SELECT 1 FROM event)
)`;
}
