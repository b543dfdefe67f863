import type { DatasetKey } from '../stream/stream-event.ts';
import type { SyncRecord } from './model.ts';
import type { StoredDataset } from './sync-store-port.ts';

/**
 * The Cognito stream event of one successful UpdateRecords: JSON as in the Amazon Cognito developer guide, "Amazon
 * Cognito Streams", the dataset's name spelled as the service has been seen to send it. Dates are epoch milliseconds.
 * @param dataset as the update left it
 */
export function updateEvent(
  key: DatasetKey,
  dataset: StoredDataset,
  records: readonly SyncRecord[],
): { partitionKey: string; data: string } {
  const kinesisSyncRecords = records.map((record) => ({
    key: record.Key,
    value: record.Value,
    syncCount: record.SyncCount,
    lastModifiedDate: record.LastModifiedDate,
    deviceLastModifiedDate: record.DeviceLastModifiedDate,
    op: record.Value === null ? 'remove' : 'replace',
  }));
  return toEvent(key, { ...datasetOf(key), operation: 'replace', kinesisSyncRecords, ...versionOf(dataset) });
}

/**
 * The event of one successful DeleteDataset: `remove` without records.
 * @param dataset as the deletion left it
 */
export function deletionEvent(
  key: DatasetKey,
  dataset: StoredDataset,
): { partitionKey: string; data: string } {
  return toEvent(key, { ...datasetOf(key), operation: 'remove', ...versionOf(dataset) });
}

// Written out member by member: the order is the one that has been seen.
function datasetOf({ identityPoolId, identityId, datasetName }: DatasetKey) {
  return { identityPoolId, identityId, datasetName };
}

function versionOf({ lastModifiedDate, syncCount }: StoredDataset) {
  return { payloadType: 'Inline', lastModifiedDate, syncCount };
}

/** Partitioned by identity: the events of one person stay in order. */
function toEvent({ identityId }: DatasetKey, event: object): { partitionKey: string; data: string } {
  return { partitionKey: identityId, data: JSON.stringify(event) };
}
