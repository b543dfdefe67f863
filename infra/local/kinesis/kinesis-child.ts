import { writeSync } from 'node:fs';
import { isObject } from '../../../lib/common/json.ts';
import { RequestError } from '../../../lib/wire/errors.ts';
import { parseJsonBody } from '../../../lib/wire/request-body.ts';
import {
  AMZ_CBOR,
  AMZ_JSON,
  type KinesisMessage,
  type KinesisReply,
  type KinesisRequest,
  type KinesisResponse,
} from './kinesis-messages.ts';
import { type KinesaliteOperation, type KinesisInput, openKinesalite } from './load-kinesalite.ts';
import { KinesisRequestError, readInput } from './read-input.ts';

/**
 * Maximum number of values in a JSON body. The largest valid request is far smaller: a PutRecords request has at most
 * 500 records with four values each.
 */
const MAX_VALUES = 10_000;

// The signals are ignored, because the parent decides when this process ends. Ctrl+C in a terminal sends SIGINT to both
// processes.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', end);
// An error in a callback of kinesalite ends this process. Otherwise, kinesalite would never release the locks that it
// held during the callback.
process.on('uncaughtException', (error) => {
  // The parent reads this text and explains it to the user.
  writeSync(process.stderr.fd, `${describe(error)}\n`);
  end();
});

const [, , directory = ''] = process.argv;
const kinesalite = await openKinesalite(directory);
tell('open');

// Requests that arrive while the streams are being opened wait in the channel until this listener is added.
process.on('message', (message: KinesisMessage) => {
  if (message === 'close') void kinesalite.close().finally(end);
  else answer(message);
});

/** Kills this process, because LevelDB can crash during a regular exit. Completed writes are not lost. */
function end(): void {
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Describes an error. An error of LevelDB is described by its message, which names files. Any other error is described
 * by its name and its place in the code, because its message may quote a record.
 */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return 'failed with an unknown error';
  if (/^(Corruption|IO error): /.test(error.message)) return error.message;
  const [frame = ''] = /^\s+at .*$/m.exec(error.stack ?? '') ?? [];
  return `failed with ${error.name} ${frame.trim()}`;
}

function tell(reply: KinesisReply): void {
  process.send?.(reply);
}

function answer({ id, ...request }: { id: number } & KinesisRequest): void {
  const reply = (status: number, output: unknown, failure?: string) =>
    tell({
      id,
      status,
      ...encode(request.contentType, output),
      ...(failure !== undefined && { failure }),
    });
  const checked = check(request);
  if ('statusCode' in checked) {
    reply(checked.statusCode, checked.body);
    return;
  }
  // If `run` throws, kinesalite may keep a lock on the stream. The error is not caught, so it ends the process, which
  // also releases the lock.
  checked.operation.run(checked.input, (error, output) => {
    const refusal = error ? toRefusal(error) : undefined;
    if (error && refusal === undefined) reply(500, undefined, describe(error));
    else reply(refusal?.statusCode ?? 200, refusal?.body ?? output);
  });
}

/** The response to an invalid request. kinesalite's own errors have these members as well. */
interface Refusal {
  statusCode: number;
  body: unknown;
}

/** @returns undefined for an unexpected error */
function toRefusal(error: unknown): Refusal | undefined {
  if (!(error instanceof Error && 'statusCode' in error && 'body' in error)) return undefined;
  return { statusCode: Number(error.statusCode), body: error.body };
}

function check(request: KinesisRequest): { operation: KinesaliteOperation; input: KinesisInput } | Refusal {
  const { operation: name, contentType, body } = request;
  try {
    const operation = kinesalite.operations.get(name);
    if (!operation) throw new KinesisRequestError('UnknownOperationException', `unknown operation ${name}`);
    return { operation, input: operation.check(readInput(name, decode(contentType, body))) };
  } catch (error) {
    // An unexpected error means that a value made the checks themselves fail. Such a request is invalid as well.
    return toRefusal(error) ?? new KinesisRequestError('SerializationException', 'invalid request');
  }
}

function decode(contentType: string, bytes: Uint8Array): unknown {
  if (contentType !== AMZ_JSON && contentType !== AMZ_CBOR) {
    throw new KinesisRequestError('UnknownOperationException', `unknown Content-Type; use ${AMZ_JSON}`, 404);
  }
  if (bytes.length === 0) throw new KinesisRequestError('SerializationException', 'the request has no body');
  try {
    if (contentType === AMZ_JSON) return parseJsonBody(bytes, MAX_VALUES);
    return mapData(kinesalite.decodeCbor(bytes), (data) =>
      data instanceof Uint8Array ? Buffer.from(data).toString('base64') : data,
    );
  } catch (error) {
    const message = error instanceof RequestError ? error.message : 'the body is not valid CBOR';
    throw new KinesisRequestError('SerializationException', message);
  }
}

function encode(contentType: string, output: unknown): Pick<KinesisResponse, 'contentType' | 'body'> {
  if (contentType !== AMZ_CBOR) return { contentType: AMZ_JSON, body: output ? JSON.stringify(output) : '' };
  const binary = mapData(output, (data) => (typeof data === 'string' ? Buffer.from(data, 'base64') : data));
  return { contentType, body: output ? kinesalite.encodeCbor(binary) : '' };
}

/**
 * Converts `Data` of one record, or of each entry of `Records`. A CBOR body contains `Data` as bytes. A JSON body and
 * the stored streams contain it as base64.
 */
function mapData(value: unknown, map: (data: unknown) => unknown): unknown {
  if (!isObject(value)) return value;
  const mapped = 'Data' in value ? { ...value, Data: map(value.Data) } : value;
  if (!Array.isArray(value.Records)) return mapped;
  return { ...mapped, Records: value.Records.map((record) => mapData(record, map)) };
}
