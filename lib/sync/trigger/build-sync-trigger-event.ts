import type { DatasetKey } from '../../common/dataset-key.ts';
import type { SyncTriggerEvent } from '../../rules/sync-trigger-event.ts';

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
  // Without a prototype, so that even the key `__proto__` becomes a member of its own; and the engine makes a dictionary of
  // it, not a shape for keys that it has never seen.
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

/** The id of a pool begins with its region. */
function regionOf(identityPoolId: string): string {
  return identityPoolId.slice(0, identityPoolId.indexOf(':'));
}
