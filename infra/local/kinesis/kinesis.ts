import { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { receiveBody, type WireRequest } from '../../../lib/wire/request-body.ts';
import { type RawRequest, SignatureError, type SigV4Verifier } from '../../../lib/wire/sigv4.ts';
import { type Route, sendJson } from '../http/http-server.ts';
import { loadKinesalite } from './load-kinesalite.ts';

export interface KinesisEmulator extends Route {
  close(): Promise<void>;
}

const AMZ_JSON = 'application/x-amz-json-1.1';
/** The emulator accepts PutRecords of at most 7 MiB. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * Creates the Kinesis emulator behind the local port and its signature check. On its own, the emulator would accept any
 * signature and the requests of any web page.
 *
 * @param directory directory of the streams
 */
export function createKinesisEmulator(directory: string, verify: SigV4Verifier): KinesisEmulator {
  const emulator = loadKinesalite()({
    path: directory,
    createStreamMs: 0,
    deleteStreamMs: 0,
    updateStreamMs: 0,
    shardLimit: 1_000,
  });
  const inFlight = new Set<Promise<void>>();
  return {
    matches: ({ headers }) => String(headers['x-amz-target'] ?? '').startsWith('Kinesis_20131202.'),
    async answer(incoming, response) {
      const request = await receive(incoming, verify);
      if ('__type' in request) return sendJson(response, 400, request, { 'Content-Type': AMZ_JSON });
      const answered = untilEnded(response).finally(() => inFlight.delete(answered));
      inFlight.add(answered);
      replay(emulator, request, response);
    },
    async close() {
      // If its database closed during a request, the emulator would throw an error that cannot be caught.
      await Promise.all(inFlight);
      await new Promise<void>((resolve) => {
        emulator.close(() => resolve());
      });
    },
  };
}

/**
 * Returns the request or why it is rejected. Streams belong to the developer; credentials of an identity are valid only
 * for Cognito Sync.
 */
async function receive(
  incoming: WireRequest,
  verify: SigV4Verifier,
): Promise<RawRequest | { __type: string; message: string }> {
  try {
    const signature = verify(incoming, 'kinesis');
    const request = await receiveBody(incoming, MAX_BODY_BYTES);
    if (signature.confirm(request.body).kind !== 'developer') {
      return {
        __type: 'AccessDeniedException',
        message: 'credentials of an identity are valid only for Cognito Sync',
      };
    }
    if (!holdsNullEntry(request.body)) return request;
    return { __type: 'SerializationException', message: 'an entry of a list must not be null' };
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    return { __type: error.code, message: error.message };
  }
}

/** Detects a request that Kinesis rejects. The emulator would throw later, where the error cannot be caught. */
function holdsNullEntry(bytes: Uint8Array): boolean {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!body.includes('null')) return false;
  let isFound = false;
  try {
    JSON.parse(body.toString(), (_, value: unknown) => {
      isFound ||= Array.isArray(value) && value.includes(null);
      return value;
    });
  } catch {
    // The emulator rejects invalid JSON itself.
  }
  return isFound;
}

/**
 * Passes a request to the emulator after its body has been read. The emulator uses only these parts of a request.
 * Errors that it throws synchronously propagate. The Origin header is removed, because the emulator would allow any
 * origin to read the response.
 */
function replay(
  emulator: Server,
  { method, target, headers, body }: RawRequest,
  response: ServerResponse,
): void {
  const { origin: _, ...rest } = headers;
  const request = Object.assign(new EventEmitter(), { method, url: target, headers: rest });
  emulator.emit('request', request, response);
  if (body.length > 0) request.emit('data', body);
  request.emit('end');
}

/** Resolves when the emulator ends the response. Works for a disconnected client too, for which no event is emitted. */
function untilEnded(response: ServerResponse): Promise<void> {
  const end = response.end.bind(response);
  return new Promise((resolve) => {
    Object.assign(response, {
      end(chunk?: string | Uint8Array) {
        resolve();
        return end(chunk);
      },
    });
  });
}
