import type { KinesisStreamEvent } from 'aws-lambda';
import type { SqlValue } from '../../lib/database/database.ts';
import { datasetId, recordId } from '../../lib/database/row-ids.ts';
import { numericValue } from '../../lib/projection/numeric-value.ts';
import { decodeStreamEvent } from '../../lib/stream/decode-stream-event.ts';

/** Runs a statement in the transaction of the batch. If the driver can, it prepares the statement under this name. */
export type Execute = (name: string, sql: string, values: readonly SqlValue[]) => Promise<unknown>;

const UPSERT_DATASET = `
INSERT INTO projection.datasets AS stored
  (dataset_id, identity_pool_id, identity_id, dataset_name, last_modified_ms, sync_count, projected_at)
VALUES ($1, $2, $3, $4, $5, $6, now())
ON CONFLICT (dataset_id) DO UPDATE SET
  last_modified_ms = excluded.last_modified_ms, sync_count = excluded.sync_count, projected_at = excluded.projected_at
WHERE (excluded.last_modified_ms, excluded.sync_count) > (stored.last_modified_ms, stored.sync_count)`;

const UPSERT_RECORD = `
INSERT INTO projection.records AS stored
  (dataset_id, record_id, record_key, record_value, numeric_value, last_modified_ms, sync_count, device_last_modified_ms, projected_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now())
ON CONFLICT (dataset_id, record_id) DO UPDATE SET
  record_value = excluded.record_value, numeric_value = excluded.numeric_value, last_modified_ms = excluded.last_modified_ms,
  sync_count = excluded.sync_count, device_last_modified_ms = excluded.device_last_modified_ms, projected_at = excluded.projected_at
WHERE (excluded.last_modified_ms, excluded.sync_count) > (stored.last_modified_ms, stored.sync_count)`;

/** The obvious implementation: one prepared upsert per record, one transaction per batch, into the same tables. */
export async function recordByRecord(execute: Execute, { Records }: KinesisStreamEvent): Promise<void> {
  for (const { kinesis } of Records) {
    const event = decodeStreamEvent(Buffer.from(kinesis.data, 'base64'));
    if (event.kind !== 'records') throw new Error('unexpected event');
    const { dataset, version } = event;
    const id = datasetId(dataset);
    const { identityPoolId, identityId, datasetName } = dataset;
    await execute('dataset', UPSERT_DATASET, [
      id,
      identityPoolId,
      identityId,
      datasetName,
      version.lastModifiedDate,
      version.syncCount,
    ]);
    for (const record of event.records) {
      const { key, value, deviceLastModifiedDate } = record;
      const number = value === null ? null : numericValue(value);
      const { lastModifiedDate, syncCount } = record.version;
      await execute('record', UPSERT_RECORD, [
        id,
        recordId(key),
        key,
        value,
        number,
        lastModifiedDate,
        syncCount,
        deviceLastModifiedDate,
      ]);
    }
  }
}
