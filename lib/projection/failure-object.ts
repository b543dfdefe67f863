import type { KinesisStreamRecord } from 'aws-lambda';
import { MAX_DATE_MS, MIN_DATE_MS } from '../common/bounds.ts';
import { ValueRefusedError } from '../common/errors.ts';
import { isObject } from '../common/json.ts';
import { isStorable } from '../common/text.ts';
import { type Delivery, type StreamPosition, toDelivery } from './delivery.ts';

/** An object of a failure destination, not yet read. */
export interface FailureObject {
  /** Its key in the bucket, or its path. */
  name: string;
  /** @throws {SetupError} it cannot be read; the next one may be */
  read(): Promise<Uint8Array>;
}

/** As the Kinesis API has it. */
const SEQUENCE_NUMBER = /^(0|[1-9]\d{0,128})$/;

/**
 * Reads an object of Lambda's failure destination in S3: JSON whose `payload` is the event that the function could not
 * process, as text. Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event
 * source in Lambda".
 *
 * @returns what stood on the stream, or null where this is no such object
 * @throws {ValueRefusedError} it is one, with a record whose place on the stream no table can hold
 */
export function readFailureObject(bytes: Uint8Array): Delivery[] | null {
  const object = parse(bytes);
  const event = isObject(object) && typeof object.payload === 'string' ? parse(object.payload) : null;
  if (!isObject(event) || !Array.isArray(event.Records) || !event.Records.every(isKinesisRecord)) return null;
  const deliveries = event.Records.map(toDelivery);
  for (const [index, { position }] of deliveries.entries()) {
    const wrong = whatIsWrongWith(position);
    if (wrong !== null) throw new ValueRefusedError(`record ${index}: ${wrong}`);
  }
  return deliveries;
}

function parse(json: string | Uint8Array): unknown {
  try {
    // Throws, too, where the bytes are too many for a text.
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

/** Anyone who can write to the bucket may have made it up. */
function whatIsWrongWith({ streamName, shardId, sequenceNumber, arrivedAt }: StreamPosition): string | null {
  if (arrivedAt < MIN_DATE_MS || arrivedAt > MAX_DATE_MS) {
    return 'its arrival is no date of the years 1 to 9999';
  }
  if (!isStorable(streamName)) return 'the name of its stream holds a NUL or a lone surrogate';
  if (!isStorable(shardId)) return 'the name of its shard holds a NUL or a lone surrogate';
  return SEQUENCE_NUMBER.test(sequenceNumber) ? null : 'its sequence number is not one of Kinesis';
}

/** `2026-01-01T00.00.00-` and a random UUID: the last part of the names that Lambda gives. */
const GIVEN_BY_LAMBDA = /(?:^|\/)((\d{4}-\d\d-\d\d)T(\d\d)\.(\d\d)\.(\d\d)-[0-9a-f-]{36})$/i;

/**
 * The name by which an object of a failure destination is known wherever it lies, in its bucket or copied to a
 * directory. Source: AWS Lambda Developer Guide, "Retain discarded batch records for a Kinesis Data Streams event source
 * in Lambda": `aws/lambda/<ESM-UUID>/<shardID>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<Random UUID>`.
 *
 * @param name key or path; where it is none of Lambda's, it is taken whole
 */
export function failureObjectName(name: string): string {
  return GIVEN_BY_LAMBDA.exec(name)?.[1] ?? name;
}

/** When Lambda gave the records up, epoch milliseconds; null where the name does not tell. */
export function givenUpAt(name: string): number | null {
  const [, , day, hour, minute, second] = GIVEN_BY_LAMBDA.exec(name) ?? [];
  const at = Date.parse(`${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(at) ? null : at;
}

/** Objects of a failure destination that were projected since. They themselves stay where they are. */
export interface RedrivenObjects {
  /** Once more changes nothing. @param redrivenAt epoch milliseconds */
  keep(name: string, redrivenAt: number): Promise<void>;
  /** Those of the names that were kept. */
  among(names: readonly string[]): Promise<Set<string>>;
}
