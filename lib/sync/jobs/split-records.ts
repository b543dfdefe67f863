import type { SyncRecord } from '../model.ts';

/**
 * Maximum records in one group. It is below the limits of this project's consumer (lib/stream/decode-payload.ts and
 * lib/aws/payload-fetch.ts).
 */
const MAX_GROUP_RECORDS = 5_000;
/** Maximum UTF-8 bytes of the keys and values in one group. In JSON, one such byte can take up to six bytes. */
const MAX_GROUP_BYTES = 1_100_000;

/**
 * Splits the records of a dataset into groups that each fit into one event. The result is nearly always one group,
 * which may be empty. Several groups are possible, because a dataset can have many tombstones.
 */
export function splitRecords(records: readonly SyncRecord[]): SyncRecord[][] {
  let group: SyncRecord[] = [];
  let bytes = 0;
  const groups = [group];
  for (const record of records) {
    const size = Buffer.byteLength(record.Key) + Buffer.byteLength(record.Value ?? '');
    if (group.length === MAX_GROUP_RECORDS || (group.length > 0 && bytes + size > MAX_GROUP_BYTES)) {
      group = [];
      groups.push(group);
      bytes = 0;
    }
    group.push(record);
    bytes += size;
  }
  return groups;
}
