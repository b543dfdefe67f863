import { isUtf8 } from 'node:buffer';
import { isObject } from '../common/json.ts';
import { RequestError } from './errors.ts';
import type { RawRequest } from './sigv4.ts';

/** Checks the size of a request body. @throws {RequestError} RequestEntityTooLarge */
export function limitBody({ body }: RawRequest, maxBytes: number): void {
  if (body.length <= maxBytes) return;
  throw new RequestError('RequestEntityTooLarge', `the request body is larger than ${maxBytes} bytes`);
}

/**
 * Returns the members of a JSON body, or an empty object if there is no body.
 * @throws {RequestError} SerializationException if the body is not a JSON object
 */
export function parseJsonBody(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw new RequestError('SerializationException', 'the body is not UTF-8');
  const body = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  if (!isObject(body)) throw new RequestError('SerializationException', 'the body is not a JSON object');
  return body;
}

/** Replaces the parser's message, which quotes the text and could reveal a record's value or a token. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError('SerializationException', 'the body is not JSON');
  }
}
