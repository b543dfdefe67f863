import type { IdentityKey } from '../../common/dataset-key.ts';
import { decodeStreamEvent } from '../../stream/decode-stream-event.ts';
import { type StreamEvent, StreamEventError } from '../../stream/stream-event.ts';
import type { EraseStore } from '../ports/erase-store.ts';

/** Quarantined deliveries per page. Each delivery can have a megabyte of data. */
const PAGE = 50;

/** Returns the ids of all quarantined deliveries that belong to the identity. */
export async function findQuarantined(
  store: Pick<EraseStore, 'readQuarantinedOf'>,
  identity: IdentityKey,
): Promise<string[]> {
  const found: string[] = [];
  let last: string | null = null;
  for (;;) {
    const page = await store.readQuarantinedOf(identity.identityPoolId, last, PAGE);
    for (const { quarantineId, data } of page) if (belongsTo(data, identity)) found.push(quarantineId);
    if (page.length < PAGE) return found;
    last = page.at(-1)?.quarantineId ?? last;
  }
}

/**
 * Determines whether a quarantined delivery belongs to an identity. An event belongs to the identity that it names. Any
 * other data belongs to the identity if it contains the identity's id.
 *
 * @param data the bytes from the stream
 */
function belongsTo(data: Uint8Array, { identityPoolId, identityId }: IdentityKey): boolean {
  const event = tryToDecode(data);
  if (event === null) return containsId(data, identityId);
  return event.dataset.identityPoolId === identityPoolId && event.dataset.identityId === identityId;
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
