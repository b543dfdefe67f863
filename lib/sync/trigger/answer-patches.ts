import type { SyncRecord } from '../model.ts';
import type { Patch } from '../read-patches.ts';

/** The outcome of a device's patches after the sync trigger changed them. */
interface Outcome {
  written: readonly SyncRecord[];
  /** The records before the update, by key. */
  stored: ReadonlyMap<string, SyncRecord>;
  now: number;
}

/**
 * Returns one record for each key in the device's patches, in the order of the patches: the record as this update wrote
 * it, or the stored record if this update did not write it. Records that the sync trigger added come last. The list is
 * never empty: the JavaScript client waits indefinitely if it receives no records.
 */
export function answerPatches(patches: readonly Patch[], { written, stored, now }: Outcome): SyncRecord[] {
  const unanswered = new Map(written.map((record) => [record.Key, record]));
  const asked = patches.map(({ key }) => {
    const record = unanswered.get(key) ?? stored.get(key) ?? missingRecord(key, now);
    unanswered.delete(key);
    return record;
  });
  return [...asked, ...unanswered.values()];
}

/** The record returned for a key that has no record, not even a tombstone. */
function missingRecord(key: string, now: number): SyncRecord {
  return {
    Key: key,
    Value: null,
    SyncCount: 0,
    LastModifiedDate: now,
    LastModifiedBy: null,
    DeviceLastModifiedDate: null,
  };
}
