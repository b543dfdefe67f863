import type { IdentityKey } from '../../common/dataset-key.ts';
import { decodeStreamEvent } from '../../stream/decode-stream-event.ts';
import { type StreamEvent, StreamEventError } from '../../stream/stream-event.ts';
import type { EraseStore } from '../ports/erase-store.ts';

/** Quarantined deliveries per page. Each delivery can have a megabyte of data. */
const PAGE = 50;

/** Returns the ids of all quarantined deliveries that belong to one of the identities, which are of one pool. */
export async function findQuarantined(
  store: Pick<EraseStore, 'readQuarantinedOf'>,
  identities: readonly IdentityKey[],
): Promise<string[]> {
  const [first] = identities;
  if (!first) return [];
  const ids = new Set(identities.map(({ identityId }) => identityId));
  const found: string[] = [];
  let last: string | null = null;
  for (;;) {
    const page = await store.readQuarantinedOf(first.identityPoolId, last, PAGE);
    for (const { quarantineId, data } of page)
      if (belongsTo(data, first.identityPoolId, ids)) found.push(quarantineId);
    if (page.length < PAGE) return found;
    last = page.at(-1)?.quarantineId ?? last;
  }
}

/**
 * Determines whether a quarantined delivery belongs to one of the identities. An event belongs to the identity that it
 * names. Any other data belongs to an identity if it contains the identity's id.
 *
 * @param data the bytes from the stream
 */
function belongsTo(data: Uint8Array, identityPoolId: string, ids: ReadonlySet<string>): boolean {
  const event = tryToDecode(data);
  if (event === null) return containsId(data, ids);
  return event.dataset.identityPoolId === identityPoolId && ids.has(event.dataset.identityId);
}

function tryToDecode(data: Uint8Array): StreamEvent | null {
  try {
    return decodeStreamEvent(data);
  } catch (error) {
    if (error instanceof StreamEventError) return null;
    throw error;
  }
}

/**
 * Finds every identity id in a text. Matches only whole ids, because one id can be the start of another id. The id is
 * captured in a lookahead, so that matches can overlap: the text before an id may look like the start of another id.
 */
const IDENTITY_IDS = /(?<![\w-])(?=([\w-]+:[0-9a-f-]+))/g;

function containsId(data: Uint8Array, ids: ReadonlySet<string>): boolean {
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('latin1');
  return text.matchAll(IDENTITY_IDS).some(([, id = '']) => ids.has(id));
}
