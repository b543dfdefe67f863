import type { KinesisStreamEvent } from 'aws-lambda';
import type { Database } from '../../lib/database/database.ts';
import { datasetId, recordId } from '../../lib/database/row-ids.ts';
import { numericValue } from '../../lib/projection/numeric-value.ts';
import { decodeStreamEvent } from '../../lib/stream/decode-stream-event.ts';

/** Creates a table with the columns and the primary key of projection.records, and nothing else. */
export async function createCopyTable(database: Database): Promise<void> {
  await database.query('CREATE SCHEMA bench');
  await database.query(
    'CREATE TABLE bench.records (LIKE projection.records, PRIMARY KEY (dataset_id, record_id))',
  );
}

/**
 * Converts a batch to input of COPY, in key order. COPY shows the highest possible speed: that of the database without
 * our code.
 */
export function toCopyText({ Records }: KinesisStreamEvent): string {
  const now = new Date().toISOString();
  const lines = Records.flatMap(({ kinesis }) => {
    const event = decodeStreamEvent(Buffer.from(kinesis.data, 'base64'));
    if (event.kind !== 'records') throw new Error('unexpected event');
    const id = datasetId(event.dataset);
    return event.records.map(({ key, value, version, deviceLastModifiedDate }) =>
      [
        id,
        recordId(key),
        key,
        value,
        numericValue(value ?? '') ?? '\\N',
        version.lastModifiedDate,
        version.syncCount,
        deviceLastModifiedDate,
        now,
      ].join('\t'),
    );
  });
  return `${lines.sort().join('\n')}\n`;
}
