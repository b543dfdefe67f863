import { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import kinesalite from 'kinesalite';
import { type RawRequest, SignatureError, type SigV4Verifier } from '../../lib/wire/sigv4.ts';
import { type Route, sendJson } from './port.ts';

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
  const emulator = kinesalite({
    path: directory,
    createStreamMs: 0,
    deleteStreamMs: 0,
    updateStreamMs: 0,
    shardLimit: 1_000,
  });
  return {
    matches: ({ headers }) => String(headers['x-amz-target'] ?? '').startsWith('Kinesis_20131202.'),
    answer(request, response) {
      try {
        verify(request, 'kinesis');
      } catch (error) {
        if (!(error instanceof SignatureError)) throw error;
        return sendJson(
          response,
          400,
          { __type: error.code, message: error.message },
          { 'Content-Type': AMZ_JSON },
        );
      }
      replay(emulator, request, response);
    },
    close: () => new Promise((resolve) => emulator.close(() => resolve())),
  };
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
