import type { DatasetKey } from '../common/dataset-key.ts';
import { ID_PATTERN, MAX_ID_LENGTH } from '../common/identity-id.ts';
import { isObject } from '../common/json.ts';
import { count, date, type Members, notAnEvent, optional, readJson, text } from './read-members.ts';
import { readRecord } from './read-record.ts';
import { type StreamEvent, StreamEventError } from './stream-event.ts';

// These patterns and lengths are those of the API model, with two exceptions for dataset names. When an identity is
// merged, a copy of its dataset can get the name `<dataset>.<identity id>`. Such a name can be longer than the API's
// 128 characters and can contain `:`.
const ID = { maxLength: MAX_ID_LENGTH, pattern: new RegExp(`^${ID_PATTERN}$`) };
const DATASET_NAME = { maxLength: 256, pattern: /^[a-zA-Z0-9_.:-]+$/ };
const URL_TEXT = { maxLength: 8192 };

// An aggregated record starts with these bytes. Source: awslabs/amazon-kinesis-producer, aggregation-format.md.
const KPL_MAGIC = [0xf3, 0x89, 0x9a, 0xc2];

/**
 * Decodes the data of one Kinesis record: a Cognito stream event in UTF-8 JSON, as described in the Amazon Cognito
 * developer guide, "Amazon Cognito Streams". The guide spells the dataset name member `dataSetName`, but the service
 * has been observed to send `datasetName`. Both spellings are accepted. Unknown members are ignored.
 *
 * An event is rejected only if a member that determines order or identity is invalid; docs/query.md lists these
 * members.
 *
 * @throws {StreamEventError} the data is not such an event; the message gives the reason without quoting the data
 */
export function decodeStreamEvent(data: Uint8Array): StreamEvent {
  const event = parse(data);
  const dataset: DatasetKey = {
    identityPoolId: text(event.identityPoolId, 'identityPoolId', ID),
    identityId: text(event.identityId, 'identityId', ID),
    datasetName: text(event.datasetName ?? event.dataSetName, 'datasetName', DATASET_NAME),
  };
  const payload = findPayload(event);
  if (payload.length === 0 && removesDataset(event)) {
    return {
      kind: 'removal',
      dataset,
      lastModifiedDate: optional(event.lastModifiedDate, 'lastModifiedDate', date),
      syncCount: optional(event.syncCount, 'syncCount', count),
    };
  }
  const version = {
    lastModifiedDate: date(event.lastModifiedDate, 'lastModifiedDate'),
    syncCount: count(event.syncCount, 'syncCount'),
  };
  const operation = event.operation === 'remove' ? 'remove' : 'replace';
  if (typeof payload === 'string') return { kind: 'offloaded', dataset, version, operation, url: payload };
  const records = payload.map((record, at) => readRecord(record, `kinesisSyncRecords[${at}]`, operation));
  return { kind: 'records', dataset, version, records };
}

function parse(data: Uint8Array): Members {
  if (KPL_MAGIC.every((byte, index) => data[index] === byte)) {
    throw new StreamEventError(
      'kpl-aggregated',
      'Cognito does not aggregate records; a Kinesis Producer Library with aggregation enabled wrote this record',
    );
  }
  const event = readJson(data, 'the data');
  if (!isObject(event)) throw notAnEvent('the data is not a JSON object');
  return event;
}

/**
 * Returns the inline records, not decoded yet, or the URL of the payload that contains the records. Returns an empty
 * list if the event has neither inline records nor a URL.
 */
function findPayload(event: Members): unknown[] | string {
  const { kinesisSyncRecordsURL: url, payloadType } = event;
  const records: unknown = event.kinesisSyncRecords ?? [];
  if (!Array.isArray(records)) throw notAnEvent('kinesisSyncRecords is not an array');
  if (records.length > 0) {
    // If inline records and a URL are both present, it is unknown whether the inline records or the records of the
    // payload are complete. A text that is not a URL is ignored.
    if (typeof url === 'string' && URL.canParse(url)) {
      throw notAnEvent('kinesisSyncRecords and kinesisSyncRecordsURL are both present');
    }
    return records;
  }
  const isOffloaded = payloadType === 'S3Url' || (url !== undefined && url !== null && url !== '');
  return isOffloaded ? text(url, 'kinesisSyncRecordsURL', URL_TEXT) : records;
}

/**
 * Returns whether an event without records and without a URL removes the dataset. In such an event, only the operation
 * says what happened. An unknown operation is therefore an error: ignoring it could keep data that was removed.
 */
function removesDataset({ operation }: Members): boolean {
  if (operation !== 'replace' && operation !== 'remove') {
    throw notAnEvent('operation is neither "replace" nor "remove"');
  }
  return operation === 'remove';
}
