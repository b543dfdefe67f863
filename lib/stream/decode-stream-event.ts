import type { DatasetKey } from '../common/dataset-key.ts';
import { isObject } from '../common/json.ts';
import { count, date, type Members, notAnEvent, optional, readJson, text } from './members.ts';
import { type EventOperation, readOperation, readRecord } from './read-record.ts';
import { type StreamEvent, StreamEventError, type StreamRecord } from './stream-event.ts';

// The API model's patterns and lengths, but for two: a merged copy is named `<dataset>.<identity id>`, so a name
// can be longer than the 128 characters that the API takes, and `:` is part of it.
const ID = { maxLength: 55, pattern: /^[\w-]+:[0-9a-f-]+$/ };
const DATASET_NAME = { maxLength: 256, pattern: /^[a-zA-Z0-9_.:-]+$/ };
const URL_TEXT = { maxLength: 8192 };

// What an aggregated record starts with. Source: awslabs/amazon-kinesis-producer, aggregation-format.md.
const KPL_MAGIC = [0xf3, 0x89, 0x9a, 0xc2];

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
  if (KPL_MAGIC.every((byte, index) => data[index] === byte)) {
    throw new StreamEventError(
      'kpl-aggregated',
      'Cognito does not aggregate; the record was put there by a Kinesis Producer Library with aggregation on',
    );
  }
  const event = readJson(data, 'the data');
  if (!isObject(event)) throw notAnEvent('the data is not a JSON object');
  return event;
}

/** The inline records, or the URL they lie behind; an empty list where there is neither. */
function readPayload(event: Members, operation: EventOperation): StreamRecord[] | string {
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
