import type { PayloadLinks } from '../sync/payload-links.ts';
import type { PayloadStore } from '../sync/ports/payload-store.ts';
import type { RawRequest } from './sigv4.ts';
import type { WireResponse } from './wire-response.ts';

/** Answers one request. Rejects with what the store does. */
export type PayloadApi = (request: Pick<RawRequest, 'method' | 'target'>) => Promise<WireResponse>;

/**
 * The records of offloaded events, behind their URLs, answered as S3 answers for presigned ones: 403 to a link that is
 * not ours or has expired, 404 where it leads to nothing (any more).
 */
export function createPayloadApi({
  links,
  payloads,
}: {
  links: PayloadLinks;
  payloads: PayloadStore;
}): PayloadApi {
  return async ({ method, target }) => {
    if (method !== 'GET') return refusal(405, 'a payload is for GET alone', [['Allow', 'GET']]);
    const payloadId = links.open(target);
    if (payloadId === null) return refusal(403, 'the link is not valid, or has expired');
    const body = await payloads.read(payloadId);
    return body === null ? refusal(404, 'there is no such payload') : json(200, body);
  };
}

function refusal(status: number, message: string, headers: WireResponse['headers'] = []): WireResponse {
  return json(status, JSON.stringify({ message }), headers);
}

function json(status: number, body: string, headers: WireResponse['headers'] = []): WireResponse {
  return { status, headers: [['Content-Type', 'application/json'], ...headers], body };
}
