import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { LARGE_LENGTH, letOthersRun } from '../../../lib/common/let-others-run.ts';
import { PAYLOAD_PATH } from '../../../lib/stream/payload-url.ts';
import type { PayloadApi } from '../../../lib/wire/payload-api.ts';
import type { FindApi } from '../../../lib/wire/service/find-api.ts';
import type { WireBody, WireResponse } from '../../../lib/wire/wire-response.ts';
import type { Route } from './http-server.ts';
import { sendResponse } from './send-response.ts';

/**
 * Serves Cognito Sync, Cognito Identity and AWS STS on the local port. Their browser clients run on web pages, so the
 * route accepts requests of web pages from all origins that the port accepts.
 */
export function createServiceRoute(findApi: FindApi): Route {
  return {
    anyOrigin: true,
    offLoopback: true,
    matches: (request) => findApi(request) !== undefined,
    async answer(request, response) {
      const answered = await findApi(request)?.(request);
      if (answered) await sendWireResponse(response, answered);
    },
  };
}

/**
 * Serves the records of offloaded events on the local port. In AWS, these records are in S3. The records are served on
 * every address, not only on loopback, because their URLs are signed.
 */
export function createPayloadRoute(payloadApi: PayloadApi): Route {
  return {
    offLoopback: true,
    matches: ({ target }) => target.startsWith(PAYLOAD_PATH),
    async answer(request, response) {
      await sendWireResponse(response, await payloadApi(request));
    },
  };
}

/**
 * Sends a response. The header names keep their letter case. A body in parts is sent no faster than the client reads
 * it. If a part fails, the connection is closed. The client notices the failure, because the body is incomplete.
 */
async function sendWireResponse(
  response: ServerResponse,
  { status, headers, body }: WireResponse<WireBody>,
): Promise<void> {
  if (typeof body !== 'string') return sendParts(response, status, headers, body);
  if (body.length < LARGE_LENGTH) return sendResponse(response, status, headers, body);
  const bytes = Buffer.from(body);
  const length: [string, string] = ['Content-Length', String(bytes.length)];
  return sendParts(response, status, [...headers, length], split(bytes));
}

async function sendParts(
  response: ServerResponse,
  status: number,
  headers: WireResponse['headers'],
  parts: AsyncIterable<string | Uint8Array>,
): Promise<void> {
  response.writeHead(status, headers.flat());
  // Errors of the service are already logged, and a client that disconnects is not an error.
  await pipeline(parts, response).catch(() => undefined);
}

/** Splits a large body. Sending it in one piece would take tens of milliseconds, in which other requests wait. */
async function* split(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += LARGE_LENGTH) {
    yield bytes.subarray(at, at + LARGE_LENGTH);
    await letOthersRun(LARGE_LENGTH);
  }
}
