import type { DatasetKey } from '../common/dataset-key.ts';
import type { SyncRecord } from './model.ts';
import type { PayloadLinks } from './payload-links.ts';
import type { OutgoingEvent, StoredDataset } from './ports/sync-store.ts';

/** Determines which events are offloaded, and where their records can be read. */
export interface Offloading {
  links: PayloadLinks;
  /** Size of the largest event that holds its records itself, in UTF-8 bytes. */
  inlineBytes: number;
}

/**
 * Builds the stream event of one successful UpdateRecords, or of one dataset in a bulk publish. The JSON is that of
 * the Amazon Cognito developer guide, "Amazon Cognito Streams". The dataset's name is spelled as the service has been
 * observed to send it. Dates are epoch milliseconds. A record without a date of its device has its own date there:
 * Amazon's sample consumer fails on null, and Lambda would retry its batch until the records expire.
 *
 * An event that would exceed `inlineBytes` holds a URL in place of its records. The records become its payload: a
 * bare JSON list of the same objects.
 *
 * @param dataset the state after the update
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
 * Builds the event of one successful DeleteDataset: `remove` without records.
 * @param dataset the state after the deletion
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

// The members are listed one by one, because their order is the one that the service has been observed to send.
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
    deviceLastModifiedDate: record.DeviceLastModifiedDate ?? record.LastModifiedDate,
    op: record.Value === null ? 'remove' : 'replace',
  };
}

/** Partitions by identity, so that the events of one user stay in order. */
function toEvent({ identityId }: DatasetKey, event: object): OutgoingEvent {
  return { partitionKey: identityId, data: JSON.stringify(event), payload: null };
}
