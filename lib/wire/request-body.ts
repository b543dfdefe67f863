import { isUtf8 } from 'node:buffer';
import { isObject } from '../common/json.ts';
import { LARGE_LENGTH } from '../common/let-others-run.ts';
import { contentLength, type RawRequest, type RequestHead } from './canonical-request.ts';
import { RequestError } from './errors.ts';

/**
 * Reads a body that may not be fully received yet.
 * @throws {RequestError} RequestEntityTooLarge if the body has more than `maxBytes`; another code if the body cannot be
 *   received
 */
export type ReadBody = (maxBytes: number) => Promise<Uint8Array>;

/**
 * A request whose body may not be received yet. The service can therefore reject the request by its head, before it
 * reads the body. Lambda passes only complete requests, so there the body is always received.
 */
export interface WireRequest extends RequestHead {
  body: Uint8Array | ReadBody;
}

/**
 * Returns the request with its body.
 * @throws {RequestError} RequestEntityTooLarge, or the error of the reader
 */
export async function receiveBody({ body, ...head }: WireRequest, maxBytes: number): Promise<RawRequest> {
  if (typeof body === 'function') return { ...head, body: await body(maxBytes) };
  if (body.length > maxBytes) throw bodyTooLarge(maxBytes);
  return { ...head, body };
}

export function bodyTooLarge(maxBytes: number): RequestError {
  return new RequestError('RequestEntityTooLarge', `the request body is larger than ${maxBytes} bytes`);
}

/**
 * Returns the length of a request's body in bytes. If the body is not received yet, this is the announced length, or
 * undefined if no length is announced.
 */
export function bodyBytes(request: WireRequest): number | undefined {
  return typeof request.body === 'function' ? contentLength(request) : request.body.length;
}

/** Returns the length of a request's body in bytes. A body whose length is unknown counts as infinitely long. */
export function bodyLength(request: WireRequest): number {
  return bodyBytes(request) ?? Number.POSITIVE_INFINITY;
}

/** Whether a request has a body of 64 KiB or more. */
export function hasLargeBody(request: WireRequest): boolean {
  return bodyLength(request) >= LARGE_LENGTH;
}

/** Maximum number of levels in a body. No operation's input has more than four levels. */
const MAX_DEPTH = 32;

/**
 * Returns the members of a JSON body, or an empty object if there is no body. Checks depth and number of values before
 * parsing. The parser takes seconds for millions of small values, and nothing else is served in the meantime.
 *
 * @throws {RequestError} SerializationException if the body is not a JSON object, or has too many levels or values
 */
export function parseJsonBody(bytes: Uint8Array, maxValues: number): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw unreadable('the body is not UTF-8');
  limitStructure(bytes, maxValues);
  const body = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  if (!isObject(body)) throw unreadable('the body is not a JSON object');
  return body;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/** Counts levels and values in one pass. Bytes of multi-byte characters never equal these ASCII characters. */
function limitStructure(bytes: Uint8Array, maxValues: number): void {
  let depth = 0;
  let values = 1;
  for (let at = 0; at < bytes.length; at += 1) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        values += 1;
        if (depth > MAX_DEPTH) throw unreadable(`the body has more than ${MAX_DEPTH} levels`);
        if (values > maxValues) throw tooManyValues(maxValues);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      case COMMA:
        values += 1;
        if (values > maxValues) throw tooManyValues(maxValues);
        break;
    }
  }
}

/**
 * Returns the position of the closing quote. If there is no closing quote, returns the end of the text, and the parser
 * reports the error.
 */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < bytes.length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  return at;
}

/** Replaces the parser's message, which quotes the text and could reveal a record's value or a token. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unreadable('the body is not JSON');
  }
}

function tooManyValues(maxValues: number): RequestError {
  return unreadable(`the body has more than ${maxValues} values`);
}

function unreadable(message: string): RequestError {
  return new RequestError('SerializationException', message);
}
