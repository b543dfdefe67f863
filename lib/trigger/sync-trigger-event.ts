import type { DatasetKey } from '../stream/stream-event.ts';

/**
 * What a sync trigger is invoked with, and answers in the same shape: Amazon Cognito developer guide, "Amazon Cognito
 * Events".
 */
export interface SyncTriggerEvent {
  version: 2;
  eventType: 'SyncTrigger';
  region: string;
  identityPoolId: string;
  identityId: string;
  datasetName: string;
  /** Every live record of the dataset, and what the device removes, by key. */
  datasetRecords: Record<string, DatasetRecord>;
}

/**
 * One record of the event. What the device leaves alone is replaced by its old value, so that an event sent back as it
 * came changes nothing.
 */
export interface DatasetRecord {
  /** Absent where there is no live record of the key, but a tombstone perhaps. */
  oldValue?: string;
  /** Absent where the record is removed. */
  newValue?: string;
  op: 'replace' | 'remove';
}

/**
 * The event of one UpdateRecords.
 * @param stored the dataset's records; one with a value of null is a tombstone, of which a function is not told
 * @param patches what the device asks for, each key once; a value of null removes
 */
export function buildSyncTriggerEvent(
  { identityPoolId, identityId, datasetName }: DatasetKey,
  stored: Iterable<{ Key: string; Value: string | null }>,
  patches: readonly { key: string; value: string | null }[],
): SyncTriggerEvent {
  const records = new Map<string, DatasetRecord>();
  for (const { Key, Value } of stored) {
    if (Value !== null) records.set(Key, { oldValue: Value, newValue: Value, op: 'replace' });
  }
  for (const { key, value } of patches) {
    const oldValue = records.get(key)?.oldValue;
    records.set(key, {
      ...(oldValue === undefined ? {} : { oldValue }),
      ...(value === null ? { op: 'remove' } : { newValue: value, op: 'replace' }),
    });
  }
  return {
    version: 2,
    eventType: 'SyncTrigger',
    region: regionOf(identityPoolId),
    identityPoolId,
    identityId,
    datasetName,
    // Unlike an assignment, this makes a member of its own even of the key `__proto__`.
    datasetRecords: Object.fromEntries(records),
  };
}

/** The id of a pool begins with its region. */
function regionOf(identityPoolId: string): string {
  return identityPoolId.slice(0, identityPoolId.indexOf(':'));
}
