import type { DatasetKey } from '../../common/dataset-key.ts';
import type { SyncTriggerEvent } from '../../rules/sync-trigger-event.ts';

/**
 * Builds the sync trigger's event for one UpdateRecords.
 * @param stored the dataset's records; tombstones, which have a null value, are left out of the event
 * @param patches the device's patches, each key once; a null value removes the record
 */
export function buildSyncTriggerEvent(
  { identityPoolId, identityId, datasetName }: DatasetKey,
  stored: Iterable<{ Key: string; Value: string | null }>,
  patches: readonly { key: string; value: string | null }[],
): SyncTriggerEvent {
  // The object has no prototype, so that even the key `__proto__` becomes an ordinary member. V8 also stores such an
  // object as a dictionary. Otherwise it would create a hidden class for each combination of keys.
  const datasetRecords: SyncTriggerEvent['datasetRecords'] = Object.create(null);
  for (const { Key, Value } of stored) {
    if (Value !== null) datasetRecords[Key] = { oldValue: Value, newValue: Value, op: 'replace' };
  }
  for (const { key, value } of patches) {
    const oldValue = datasetRecords[key]?.oldValue;
    datasetRecords[key] = {
      ...(oldValue === undefined ? {} : { oldValue }),
      ...(value === null ? { op: 'remove' } : { newValue: value, op: 'replace' }),
    };
  }
  return {
    version: 2,
    eventType: 'SyncTrigger',
    region: regionOf(identityPoolId),
    identityPoolId,
    identityId,
    datasetName,
    datasetRecords,
  };
}

/** Pool ids begin with the region. */
function regionOf(identityPoolId: string): string {
  return identityPoolId.slice(0, identityPoolId.indexOf(':'));
}
