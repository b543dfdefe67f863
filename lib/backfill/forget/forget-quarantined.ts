import { decodeStreamEvent } from '../../stream/decode-stream-event.ts';
import { PAYLOAD_PATH } from '../../stream/payload-url.ts';
import { type StreamEvent, StreamEventError } from '../../stream/stream-event.ts';
import type { IdentityAddress } from '../ports/forget-store.ts';

/** How a quarantined delivery relates to an identity. */
export interface QuarantinedTrace {
  belongsToIdentity: boolean;
  /**
   * Id of the payload in which the self-hosted service stores the event's records; null if the event has no payload.
   */
  payloadId: string | null;
}

const NO_TRACE = { belongsToIdentity: false, payloadId: null };

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Determines whether a quarantined delivery belongs to an identity. An event belongs to the identity that it names. Any
 * other data belongs to the identity if it contains the identity's id.
 *
 * @param data the bytes from the stream
 */
export function findTrace(
  data: Uint8Array,
  { identityPoolId, identityId }: IdentityAddress,
): QuarantinedTrace {
  const event = tryToDecode(data);
  if (event === null) return { belongsToIdentity: containsId(data, identityId), payloadId: null };
  const { dataset } = event;
  if (dataset.identityPoolId !== identityPoolId || dataset.identityId !== identityId) return NO_TRACE;
  return { belongsToIdentity: true, payloadId: event.kind === 'offloaded' ? payloadIdIn(event.url) : null };
}

function tryToDecode(data: Uint8Array): StreamEvent | null {
  try {
    return decodeStreamEvent(data);
  } catch (error) {
    if (error instanceof StreamEventError) return null;
    throw error;
  }
}

/** Matches only the whole id, because one id can be the start of another id. */
function containsId(data: Uint8Array, identityId: string): boolean {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  for (let at = bytes.indexOf(identityId); at >= 0; at = bytes.indexOf(identityId, at + 1)) {
    const before = bytes.toString('latin1', Math.max(at - 1, 0), at);
    const after = bytes.toString('latin1', at + identityId.length, at + identityId.length + 1);
    if (!/[\w-]/.test(before) && !/[0-9a-f-]/.test(after)) return true;
  }
  return false;
}

function payloadIdIn(url: string): string | null {
  const path = URL.parse(url)?.pathname ?? '';
  const id = path.startsWith(PAYLOAD_PATH) ? path.slice(PAYLOAD_PATH.length) : '';
  return UUID.test(id) ? id : null;
}
