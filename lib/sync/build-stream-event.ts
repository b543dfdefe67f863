import type { DatasetKey } from '../common/dataset-key.ts';
import type { SyncRecord } from './model.ts';
import type { PayloadLinks } from './payload-links.ts';
import type { OutgoingEvent, StoredDataset } from './ports/sync-store.ts';

/** When and how the records of an event are offloaded. */
export interface Offloading {
  links: PayloadLinks;
  /** UTF-8 bytes of the largest event that holds its records itself. */
  inlineBytes: number;
}

/**
 * The Cognito stream event of one successful UpdateRecords, and of what a bulk publish tells of a dataset: JSON as in
 * the Amazon Cognito developer guide, "Amazon Cognito Streams", the dataset's name spelled as the service has been seen
 * to send it. Dates are epoch milliseconds. Where it would be too large for the stream it holds the URL of its records
 * instead, and they are its payload: a bare list of the same objects.
 *
 * @param dataset as the update left it
 */
export function recordsEvent(
  key: DatasetKey,
  dataset: Version,
  records: readonly SyncRecord[],
  { links, inlineBytes }: Offloading,
): OutgoingEvent {
  const about = { ...datasetOf(key), operation: 'replace' };
  const kinesisSyncRecords = records.map(toEventRecord);
  const inline = { ...about, kinesisSyncRecords, payloadType: 'Inline', ...versionOf(dataset) };
  const event = toEvent(key, inline);
  if (Buffer.byteLength(event.data) <= inlineBytes) return event;

  const { url: kinesisSyncRecordsURL, payloadId, expiresAt } = links.create();
  const offloaded = { ...about, kinesisSyncRecordsURL, payloadType: 'S3Url', ...versionOf(dataset) };
  const payload = { payloadId, body: JSON.stringify(kinesisSyncRecords), expiresAt };
  return { ...toEvent(key, offloaded), payload };
}

/**
 * The event of one successful DeleteDataset: `remove` without records.
 * @param dataset as the deletion left it
 */
export function deletionEvent(key: DatasetKey, dataset: Version): OutgoingEvent {
  return toEvent(key, {
    ...datasetOf(key),
    operation: 'remove',
    payloadType: 'Inline',
    ...versionOf(dataset),
  });
}

type Version = Pick<StoredDataset, 'lastModifiedDate' | 'syncCount'>;

// Written out member by member: the order is the one that has been seen.
function datasetOf({ identityPoolId, identityId, datasetName }: DatasetKey) {
  return { identityPoolId, identityId, datasetName };
}

function versionOf({ lastModifiedDate, syncCount }: Version) {
  return { lastModifiedDate, syncCount };
}

function toEventRecord(record: SyncRecord) {
  return {
    key: record.Key,
    value: record.Value,
    syncCount: record.SyncCount,
    lastModifiedDate: record.LastModifiedDate,
    deviceLastModifiedDate: record.DeviceLastModifiedDate,
    op: record.Value === null ? 'remove' : 'replace',
  };
}

/** Partitioned by identity: the events of one person stay in order. */
function toEvent({ identityId }: DatasetKey, event: object): OutgoingEvent {
  return { partitionKey: identityId, data: JSON.stringify(event), payload: null };
}
