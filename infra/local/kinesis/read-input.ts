import { isObject } from '../../../lib/common/json.ts';
import { isStreamName } from '../../../lib/common/stream-name.ts';
import type { KinesisInput } from './load-kinesalite.ts';

/** The error of an invalid request. It has the members of kinesalite's own errors. */
export class KinesisRequestError extends Error {
  override name = 'KinesisRequestError';
  readonly statusCode: number;
  readonly body: { __type: string; message: string };

  constructor(type: string, message: string, statusCode = 400) {
    super(message);
    this.statusCode = statusCode;
    this.body = { __type: type, message };
  }
}

/**
 * Maximum depth of a body. Valid requests have three levels. Deeper requests could overflow the stack of recursive
 * code.
 */
const MAX_DEPTH = 8;

/** Pattern and length of `StreamARN`. Source: Amazon Kinesis Data Streams API Reference. */
const ARN_PATTERN = 'arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+';
const MAX_ARN_LENGTH = 2_048;

/**
 * Operations that do not have the member `StreamARN`. If a request has it anyway, it is ignored, as AWS ignores unknown
 * members.
 */
const WITHOUT_ARN = new Set(['CreateStream', 'ListStreams']);

/**
 * Prepares a decoded request for kinesalite. It rejects two inputs that would crash kinesalite: null in a list, and
 * deep nesting. It replaces `StreamARN`, which kinesalite does not know, with `StreamName`. It ignores the partition,
 * region and account of the ARN, because the emulator has only one partition, one region and one account.
 *
 * @throws {KinesisRequestError} the request is invalid
 */
export function readInput(operation: string, decoded: unknown): KinesisInput {
  if (!isObject(decoded)) throw invalid('the body must be a JSON object');
  rejectUnusable(decoded);
  const { StreamARN: arn, ...input } = decoded;
  if (arn === undefined || arn === null || WITHOUT_ARN.has(operation)) return input;
  const streamName = streamNameOf(arn);
  // A GetRecords request has no StreamName: its shard iterator names the stream.
  if (operation === 'GetRecords') return input;
  if (typeof input.StreamName === 'string' && input.StreamName !== streamName) {
    throw new KinesisRequestError(
      'InvalidArgumentException',
      `StreamName ${input.StreamName} and StreamARN ${arn} name different streams; send one of them`,
    );
  }
  return { ...input, StreamName: streamName };
}

/**
 * Checks the body level by level instead of recursively, so that deep nesting cannot overflow the stack here either.
 */
function rejectUnusable(input: object): void {
  let level: object[] = [input];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH) throw invalid(`the body has more than ${MAX_DEPTH} levels`);
    const values = level.flatMap((container) => {
      const inner: unknown[] = Object.values(container);
      if (Array.isArray(container) && inner.some((entry) => entry === null || entry === undefined)) {
        throw invalid('an entry of a list must not be null');
      }
      return inner;
    });
    level = values.filter(
      (value): value is object => typeof value === 'object' && value !== null && !ArrayBuffer.isView(value),
    );
  }
}

function streamNameOf(arn: unknown): string {
  if (typeof arn !== 'string') throw invalid('StreamARN must be a string');
  if (arn.length > MAX_ARN_LENGTH) throw invalid(`StreamARN is longer than ${MAX_ARN_LENGTH} characters`);
  const name = arn.slice(arn.indexOf(':stream/') + ':stream/'.length);
  if (new RegExp(`^${ARN_PATTERN}$`).test(arn) && isStreamName(name)) return name;
  throw new KinesisRequestError(
    'ValidationException',
    `1 validation error detected: Value '${arn}' at 'streamARN' failed to satisfy constraint: Member must satisfy regular expression pattern: ${ARN_PATTERN}`,
  );
}

function invalid(message: string): KinesisRequestError {
  return new KinesisRequestError('SerializationException', message);
}
