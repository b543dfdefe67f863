import type { PayloadLinks } from '../sync/payload-links.ts';
import type { PayloadStore } from '../sync/ports/payload-store.ts';
import type { RequestHead } from './canonical-request.ts';
import type { WireResponse } from './wire-response.ts';

/** Handles one request. Rejects with the errors of the store. */
export type PayloadApi = (request: Pick<RequestHead, 'method' | 'target'>) => Promise<WireResponse>;

/**
 * Serves the payloads of offloaded events, which are too large for the stream, at their URLs, with the status codes
 * that S3 uses for presigned URLs. The status is 403 if this service did not create the link or the link has expired.
 * The status is 404 if the payload does not exist or was deleted.
 */
export function createPayloadApi({
  links,
  payloads,
}: {
  links: PayloadLinks;
  payloads: PayloadStore;
}): PayloadApi {
  return async ({ method, target }) => {
    if (method !== 'GET') return refusal(405, 'payloads support only the method GET', [['Allow', 'GET']]);
    const payloadId = links.open(target);
    if (payloadId === null) return refusal(403, 'the link is invalid or has expired');
    const body = await payloads.read(payloadId);
    return body === null ? refusal(404, 'the payload does not exist') : json(200, body);
  };
}

function refusal(status: number, message: string, headers: WireResponse['headers'] = []): WireResponse {
  return json(status, JSON.stringify({ message }), headers);
}

function json(status: number, body: string, headers: WireResponse['headers'] = []): WireResponse {
  return { status, headers: [['Content-Type', 'application/json'], ...headers], body };
}
