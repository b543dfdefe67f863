import type { ExportedRecord } from '../../../../lib/projection/store/export-records.ts';

/** Formats a record as a line of JSON, with the columns of `query.records`. */
export function toRecordLine(record: ExportedRecord): string {
  const columns = COLUMNS.map(({ name, read }) => {
    const value = read(record);
    return [name, typeof value === 'bigint' ? Number(value) : value] as const;
  });
  return `${JSON.stringify(Object.fromEntries(columns))}\n`;
}

/** A column of an export. The types are those of hyparquet-writer. */
export interface RecordColumn {
  name: string;
  type: 'STRING' | 'DOUBLE' | 'INT64' | 'TIMESTAMP';
  nullable: boolean;
  read: (record: ExportedRecord) => string | number | bigint | Date | null;
}

/** The columns of `query.records`. */
export const COLUMNS: readonly RecordColumn[] = [
  text('identity_pool_id'),
  text('identity_id'),
  text('dataset_name'),
  text('record_key'),
  text('record_value'),
  {
    name: 'numeric_value',
    type: 'DOUBLE',
    nullable: true,
    read: ({ numeric_value: value }) => (value === null ? null : Number(value)),
  },
  { name: 'sync_count', type: 'INT64', nullable: false, read: (record) => BigInt(record.sync_count) },
  time('last_modified_date', ({ last_modified_ms }) => last_modified_ms),
  time('device_last_modified_date', ({ device_last_modified_ms }) => device_last_modified_ms),
  { name: 'projected_at', type: 'TIMESTAMP', nullable: false, read: (record) => record.projected_at },
];

function text(
  name: 'identity_pool_id' | 'identity_id' | 'dataset_name' | 'record_key' | 'record_value',
): RecordColumn {
  return { name, type: 'STRING', nullable: false, read: (record) => record[name] };
}

/** A time that JavaScript cannot represent becomes null. Only a device can have chosen such a time. */
function time(name: string, msOf: (record: ExportedRecord) => number | null): RecordColumn {
  const read = (record: ExportedRecord) => {
    const date = new Date(msOf(record) ?? Number.NaN);
    return Number.isNaN(date.getTime()) ? null : date;
  };
  return { name, type: 'TIMESTAMP', nullable: true, read };
}
