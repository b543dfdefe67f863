import type { KinesisStreamRecord } from 'aws-lambda';
import { MAX_DATE_MS, MIN_DATE_MS } from '../common/bounds.ts';
import { ValueRefusedError } from '../common/errors.ts';
import { isObject } from '../common/json.ts';
import { isStorable } from '../common/text.ts';
import { type Delivery, type StreamPosition, toDelivery } from './delivery.ts';

/**
 * An object of a failure destination, not read yet. A failure destination is the S3 bucket, or the directory, in which
 * the event source mapping stores batches that it discards. Each object contains one batch.
 */
export interface FailureObject {
  /** The key in the bucket, or the path of the file. */
  name: string;
  /** @throws {SetupError} the object cannot be read; other objects may be readable */
  read(): Promise<Uint8Array>;
}

/** The pattern of a sequence number in the Kinesis API. */
const SEQUENCE_NUMBER = /^(0|[1-9]\d{0,128})$/;

/**
 * Parses an object of Lambda's failure destination in S3. The object is JSON. Its member `payload` is a text that
 * contains, as JSON again, the event that the function could not process. Source: AWS Lambda Developer Guide, "Retain
 * discarded batch records for a Kinesis Data Streams event source in Lambda".
 *
 * @returns the records that were on the stream, or null if the bytes are not such an object
 * @throws {ValueRefusedError} the stream position of a record cannot be stored
 */
export function readFailureObject(bytes: Uint8Array): Delivery[] | null {
  const object = parse(bytes);
  const event = isObject(object) && typeof object.payload === 'string' ? parse(object.payload) : null;
  if (!isObject(event) || !Array.isArray(event.Records) || !event.Records.every(isKinesisRecord)) return null;
  const deliveries = event.Records.map(toDelivery);
  for (const [index, { position }] of deliveries.entries()) {
    const problem = positionProblem(position);
    if (problem !== null) throw new ValueRefusedError(`record ${index}: ${problem}`);
  }
  return deliveries;
}

function parse(json: string | Uint8Array): unknown {
  try {
    // `toString` also throws, if the bytes exceed the maximum length of a string.
    return JSON.parse(typeof json === 'string' ? json : Buffer.from(json).toString());
  } catch {
    return null;
  }
}

function isKinesisRecord(record: unknown): record is KinesisStreamRecord {
  return (
    isObject(record) &&
    typeof record.eventID === 'string' &&
    typeof record.eventSourceARN === 'string' &&
    isObject(record.kinesis) &&
    typeof record.kinesis.sequenceNumber === 'string' &&
    typeof record.kinesis.data === 'string' &&
    Number.isFinite(record.kinesis.approximateArrivalTimestamp)
  );
}

/** Checks a position, which anyone who can write to the bucket can forge. @returns what is wrong, or null */
function positionProblem({ streamName, shardId, sequenceNumber, arrivedAt }: StreamPosition): string | null {
  if (arrivedAt < MIN_DATE_MS || arrivedAt > MAX_DATE_MS) {
    return 'its arrival time must be in the years 1 to 9999';
  }
  if (!isStorable(streamName)) return 'its stream name contains a NUL character or a lone surrogate';
  if (!isStorable(shardId)) return 'its shard name contains a NUL character or a lone surrogate';
  return SEQUENCE_NUMBER.test(sequenceNumber)
    ? null
    : 'its sequence number is not a valid Kinesis sequence number';
}

/** `2026-01-01T00.00.00-` and a random UUID: the last part of the object names that Lambda generates. */
const LAMBDA_OBJECT_NAME = /(?:^|\/)((\d{4}-\d\d-\d\d)T(\d\d)\.(\d\d)\.(\d\d)-[0-9a-f-]{36})$/i;

/**
 * Returns the name that identifies an object of a failure destination. The name is the same in the bucket and in a
 * directory to which the object was copied. Source: AWS Lambda Developer Guide, "Retain discarded batch records for a
 * Kinesis Data Streams event source in Lambda":
 * `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`.
 *
 * @param name key or path; returned unchanged if Lambda did not generate it
 */
export function failureObjectName(name: string): string {
  return LAMBDA_OBJECT_NAME.exec(name)?.[1] ?? name;
}

/**
 * Returns when Lambda discarded the records, in epoch milliseconds. The name of the object contains this time. Null if
 * Lambda did not generate the name.
 */
export function givenUpAt(name: string): number | null {
  const [, , day, hour, minute, second] = LAMBDA_OBJECT_NAME.exec(name) ?? [];
  const at = Date.parse(`${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? null : at;
}
