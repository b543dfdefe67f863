import type { SyncRecord } from '../model.ts';
import type { Patch } from '../read-patches.ts';

/** What is left of a device's patches when others have had a say in them. */
interface Outcome {
  written: readonly SyncRecord[];
  /** The records as they were before, by key. */
  stored: ReadonlyMap<string, SyncRecord>;
  now: number;
}

/**
 * A record for each key of the device, in order: as written, or as it is where nothing was; then the others written.
 * Never none: the JavaScript client waits for ever on an empty answer.
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

/** What a device is told of a key that there is no record of, not even a tombstone. */
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
