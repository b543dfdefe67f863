import { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { type RawRequest, SignatureError, type SigV4Verifier } from '../../../lib/wire/sigv4.ts';
import { type Route, sendJson } from '../http/http-server.ts';
import { loadKinesalite } from './load-kinesalite.ts';

export interface KinesisEmulator extends Route {
  close(): Promise<void>;
}

const AMZ_JSON = 'application/x-amz-json-1.1';

/**
 * The Kinesis emulator, behind our port and behind our signature check: it would take any signature by itself, and
 * any web page's requests.
 *
 * @param directory where it keeps its streams
 */
export function createKinesisEmulator(directory: string, verify: SigV4Verifier): KinesisEmulator {
  const emulator = loadKinesalite()({
    path: directory,
    createStreamMs: 0,
    deleteStreamMs: 0,
    updateStreamMs: 0,
    shardLimit: 1_000,
  });
  const underWay = new Set<Promise<void>>();
  return {
    matches: ({ headers }) => String(headers['x-amz-target'] ?? '').startsWith('Kinesis_20131202.'),
    answer(request, response) {
      const refusal = refusalOf(request, verify);
      if (refusal) return sendJson(response, 400, refusal, { 'Content-Type': AMZ_JSON });
      const answered = untilEnded(response).finally(() => underWay.delete(answered));
      underWay.add(answered);
      replay(emulator, request, response);
    },
    async close() {
      // It throws, where nobody can catch it, when its database closes under a request.
      await Promise.all(underWay);
      await new Promise<void>((resolve) => {
        emulator.close(() => resolve());
      });
    },
  };
}

/** The streams are the developer's: what an identity may do is Cognito Sync. */
function refusalOf(request: RawRequest, verify: SigV4Verifier): { __type: string; message: string } | null {
  try {
    const { kind } = verify(request, 'kinesis');
    if (kind !== 'developer') {
      return {
        __type: 'AccessDeniedException',
        message: 'credentials of an identity are for Cognito Sync alone',
      };
    }
    if (!holdsNullEntry(request.body)) return null;
    return { __type: 'SerializationException', message: 'an entry of a list must not be null' };
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    return { __type: error.code, message: error.message };
  }
}

/** Kinesis refuses it. The emulator would fall over it later, in a callback where nobody can catch that. */
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
    // What is not JSON the emulator refuses itself.
  }
  return isFound;
}

/**
 * Gives the emulator a request whose body has been read already. It reads no more of a request than this. What it
 * throws while it does so is thrown here. It answers any Origin with permission to read on, so it is not told of one.
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

/** Until the emulator has said its last word, also to a client that is gone: the response has no event for that. */
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
