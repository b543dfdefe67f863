import type { DatasetKey } from '../common/dataset-key.ts';
import type { SyncRecord } from './model.ts';
import type { PayloadLinks } from './payload-links.ts';
import type { OutgoingEvent, StoredDataset } from './ports/sync-store.ts';

/** Determines which events are offloaded. An offloaded event holds a URL in place of its records. */
export interface Offloading {
  links: Pick<PayloadLinks, 'create'>;
  /** Maximum UTF-8 bytes of an event. A larger event is offloaded. */
  inlineBytes: number;
}

/**
 * Builds the stream event of one successful UpdateRecords, or of one dataset in a bulk publish. Its data is a JSON
 * object with the members that the Amazon Cognito developer guide describes ("Amazon Cognito Streams"). One spelling
 * differs: the guide says `dataSetName`, but Amazon's service has been observed to send `datasetName`. Dates are epoch
 * milliseconds.
 *
 * If the device sent no date with a record, the event's `deviceLastModifiedDate` is the record's `lastModifiedDate`,
 * not null. Amazon's sample consumer fails on null, and Lambda would then retry the consumer's batch until the records
 * expire.
 *
 * An event that would exceed `inlineBytes` holds a URL in place of its records. The URL leads to the payload of the
 * event: a JSON list of the record objects that the event would have contained.
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
 * Builds the event of one successful DeleteDataset. Its operation is `remove`, and it has no records.
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

// The members are listed one by one to keep the order in which Amazon's service has been observed to send them.
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

/** Uses the identity id as the partition key, so that the events of one user stay in order. */
function toEvent({ identityId }: DatasetKey, event: object): OutgoingEvent {
  return { partitionKey: identityId, data: JSON.stringify(event), payload: null };
}
