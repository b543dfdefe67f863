import { count, date, isObject, type Members, notAnEvent, optional, text } from './members.ts';
import { type DatasetKey, type StreamEvent, StreamEventError, type StreamRecord } from './stream-event.ts';

// The API model's patterns and lengths, but for two: a merged copy is named `<dataset>.<identity id>`, so a name
// can be longer than the 128 characters that the API takes, and `:` is part of it.
const ID = { maxLength: 55, pattern: /^[\w-]+:[0-9a-f-]+$/ };
const DATASET_NAME = { maxLength: 256, pattern: /^[a-zA-Z0-9_.:-]+$/ };
const RECORD_KEY = { maxLength: 1024 };
const RECORD_VALUE = { minLength: 0, maxLength: Number.MAX_SAFE_INTEGER };
const URL_TEXT = { maxLength: 8192 };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * Reads one Cognito stream event from the data of one Kinesis record: UTF-8 JSON as described in the Amazon
 * Cognito developer guide, "Amazon Cognito Streams". The guide spells the dataset's name `dataSetName`; the
 * service has been seen to send `datasetName`; both are read. Members it does not know are ignored.
 *
 * @throws {StreamEventError} the data is not such an event; the message says why without quoting the data
 */
export function decodeStreamEvent(data: Uint8Array): StreamEvent {
  const event = parse(data);
  const dataset: DatasetKey = {
    identityPoolId: text(event.identityPoolId, 'identityPoolId', ID),
    identityId: text(event.identityId, 'identityId', ID),
    datasetName: text(event.datasetName ?? event.dataSetName, 'datasetName', DATASET_NAME),
  };
  const operation = readOperation(event.operation, 'operation');
  const payload = readPayload(event, operation);

  if (operation === 'remove' && payload.length === 0) {
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
  return typeof payload === 'string'
    ? { kind: 'offloaded', dataset, version, operation, url: payload }
    : { kind: 'records', dataset, version, records: payload };
}

function parse(data: Uint8Array): Members {
  let event: unknown;
  try {
    event = JSON.parse(utf8.decode(data));
  } catch {
    // The parser's own message quotes the data.
    throw new StreamEventError('not-json', 'the data is not JSON in UTF-8');
  }
  if (!isObject(event)) throw notAnEvent('the data is not a JSON object');
  return event;
}

/** The inline records, or the URL they lie behind; an empty list where there is neither. */
function readPayload(event: Members, operation: 'replace' | 'remove'): StreamRecord[] | string {
  const { kinesisSyncRecordsURL: url, payloadType } = event;
  const records = event.kinesisSyncRecords ?? [];
  if (!Array.isArray(records)) throw notAnEvent('kinesisSyncRecords is not a list');
  if (payloadType === 'S3Url' || (url !== undefined && url !== null)) {
    // Which of the two is the whole is anybody's guess.
    if (records.length > 0) throw notAnEvent('kinesisSyncRecords and kinesisSyncRecordsURL are both there');
    return text(url, 'kinesisSyncRecordsURL', URL_TEXT);
  }
  return records.map((record, index) => readRecord(record, `kinesisSyncRecords[${index}]`, operation));
}

/** A record of an event that removes is removed, whatever its own `op` says. */
function readRecord(record: unknown, name: string, operation: 'replace' | 'remove'): StreamRecord {
  if (!isObject(record)) throw notAnEvent(`${name} is not an object`);
  const op = operation === 'remove' ? 'remove' : readOperation(record.op, `${name}.op`);
  return {
    key: text(record.key, `${name}.key`, RECORD_KEY),
    // The API shows a removed record as one without a value, so a record without one is a removal here, too.
    value:
      op === 'remove'
        ? null
        : optional(record.value, `${name}.value`, (value) => text(value, `${name}.value`, RECORD_VALUE)),
    version: {
      lastModifiedDate: date(record.lastModifiedDate, `${name}.lastModifiedDate`),
      syncCount: count(record.syncCount, `${name}.syncCount`),
    },
    deviceLastModifiedDate: optional(record.deviceLastModifiedDate, `${name}.deviceLastModifiedDate`, date),
  };
}

function readOperation(value: unknown, name: string): 'replace' | 'remove' {
  if (value !== 'replace' && value !== 'remove')
    throw notAnEvent(`${name} is neither "replace" nor "remove"`);
  return value;
}
