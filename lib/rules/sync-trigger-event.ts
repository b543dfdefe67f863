/**
 * The event that a sync trigger receives, and returns in the same form. Source: Amazon Cognito developer guide, "Amazon
 * Cognito Events".
 */
export interface SyncTriggerEvent {
  version: 2;
  eventType: 'SyncTrigger';
  region: string;
  identityPoolId: string;
  identityId: string;
  datasetName: string;
  /** Every live record of the dataset and every record that the device removes, by key. */
  datasetRecords: Record<string, DatasetRecord>;
}

/**
 * One record of the event. A record that the device does not change has `op: replace` and its old value as the new
 * value. A function that returns the event unchanged therefore changes nothing.
 */
export interface DatasetRecord {
  /** Absent if the key has no live record; the key may have a tombstone, the row of a removed record. */
  oldValue?: string;
  /** Absent if the record is removed. */
  newValue?: string;
  op: 'replace' | 'remove';
}
