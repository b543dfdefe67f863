import { randomUUID } from 'node:crypto';
import { receiveBody, type WireRequest } from '../../../lib/wire/request-body.ts';
import { type RawRequest, SignatureError, type SigV4Verifier } from '../../../lib/wire/sigv4.ts';
import { type Route, sendJson } from '../http/http-server.ts';
import { AMZ_JSON } from './kinesis-messages.ts';
import { createKinesisProcess, type KinesisProcess } from './kinesis-process.ts';

const WRITES: ReadonlySet<string> = new Set(['PutRecord', 'PutRecords']);

export interface KinesisEmulator extends Route {
  /** @throws {SetupError} the streams cannot be opened */
  opened(): Promise<void>;
  close(): Promise<void>;
}

const TARGET = 'Kinesis_20131202.';
/**
 * This project's own publisher sends at most 5 MiB of records in a PutRecords request. As base64, they have about 7
 * MiB.
 */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

/**
 * Creates the Kinesis emulator as a route of the local port. The route checks signatures and the port checks origins,
 * because the emulator itself would accept any signature and the requests of any web page. The emulator runs in its own
 * process, so that its unexpected errors do not end the local cloud.
 *
 * @param streams directory of the streams, or the emulator's process, if it was started before
 * @param onWrite called after each request that can have written records to a stream
 */
export function createKinesisEmulator(
  streams: string | KinesisProcess,
  verify: SigV4Verifier,
  onWrite: () => void = () => undefined,
): KinesisEmulator {
  const emulator = typeof streams === 'string' ? createKinesisProcess(streams) : streams;
  return {
    matches: (request) => targetOf(request).startsWith(TARGET),
    async answer(incoming, response) {
      const request = await receive(incoming, verify);
      if ('__type' in request) return sendJson(response, 400, request, { 'Content-Type': AMZ_JSON });
      const [mediaType = ''] = String(request.headers['content-type'] ?? '').split(';');
      const operation = targetOf(request).slice(TARGET.length);
      const { status, contentType, body } = await emulator.ask({
        operation,
        contentType: mediaType.trim(),
        body: request.body,
      });
      if (WRITES.has(operation)) onWrite();
      response.writeHead(status, {
        'Content-Type': contentType,
        'Content-Length': Buffer.byteLength(body),
        'x-amzn-RequestId': randomUUID(),
      });
      response.end(body);
    },
    opened: () => emulator.opened(),
    close: () => emulator.close(),
  };
}

function targetOf({ headers }: Pick<RawRequest, 'headers'>): string {
  return String(headers['x-amz-target'] ?? '');
}

/**
 * Returns the request, or the error that rejects it. Only the developer's credentials may use streams. Credentials of
 * an identity are valid only for Cognito Sync.
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
    return request;
  } catch (error) {
    if (!(error instanceof SignatureError)) throw error;
    return { __type: error.code, message: error.message };
  }
}
