import type { SyncRecord } from '../model.ts';

/** What readers of the stream take of one payload: see lib/stream/decode-payload.ts and lib/aws/payload-fetch.ts. */
const MAX_RECORDS = 5_000;
/** UTF-8 bytes of keys and values, each of which takes up to six in JSON. */
const MAX_BYTES = 1_100_000;

/**
 * The records of a dataset in the groups that one event each can hold: nearly always a single one, also where there are
 * no records. A dataset's tombstones have no limit, so that it may take more.
 */
export function splitRecords(records: readonly SyncRecord[]): SyncRecord[][] {
  let group: SyncRecord[] = [];
  let bytes = 0;
  const groups = [group];
  for (const record of records) {
    const size = Buffer.byteLength(record.Key) + Buffer.byteLength(record.Value ?? '');
    if (group.length === MAX_RECORDS || (group.length > 0 && bytes + size > MAX_BYTES)) {
      group = [];
      groups.push(group);
      bytes = 0;
    }
    group.push(record);
    bytes += size;
  }
  return groups;
}
