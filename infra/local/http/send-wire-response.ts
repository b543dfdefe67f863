import type { ServerResponse } from 'node:http';
import type { WireResponse } from '../../../lib/wire/wire-response.ts';

/** Node sends header names as they are given, in their own case. */
export function sendWireResponse(response: ServerResponse, { status, headers, body }: WireResponse): void {
  response.writeHead(status, [...headers.flat(), 'Content-Length', String(Buffer.byteLength(body))]);
  response.end(body);
}
