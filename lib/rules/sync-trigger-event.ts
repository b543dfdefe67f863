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
