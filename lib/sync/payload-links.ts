import { createSigner } from '../common/signed-text.ts';
import { PAYLOAD_PATH } from '../stream/payload.ts';

/** As long as an event waits to be read: the event source mapping gives events up that are older. */
const LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

const PURPOSE = 'payload';

export interface PayloadLink {
  payloadId: string;
  url: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** The URLs that lead to offloaded records: whoever has one may read what it leads to, until it expires. */
export interface PayloadLinks {
  /** A link to a payload that is still to be stored. */
  create(): PayloadLink;
  /** The payload that a request's target leads to; null where we never made such a link, or it has expired. */
  open(target: string): string | null;
}

/**
 * Links of the form `<origin>/payloads/<uuid>?expires=<epoch seconds>&signature=<HMAC-SHA-256>`. `expires` is where
 * readers look for the end of a presigned URL: see `expiresAt` in lib/stream/payload.ts.
 *
 * @param key as for session tokens, signed for a purpose of its own
 * @param origin asked when a link is made, such as `http://127.0.0.1:4580`
 * @param randomId UUIDs
 */
export function createPayloadLinks({
  key,
  origin,
  now,
  randomId,
}: {
  key: Buffer;
  origin: () => string;
  now: () => number;
  randomId: () => string;
}): PayloadLinks {
  const signer = createSigner(key);
  return {
    create() {
      const payloadId = randomId();
      const expires = String(Math.ceil((now() + LIFETIME_MS) / 1000));
      const query = new URLSearchParams({
        expires,
        signature: signer.signatureOf(expires, [PURPOSE, payloadId]),
      });
      return {
        payloadId,
        url: `${origin()}${PAYLOAD_PATH}${payloadId}?${query}`,
        expiresAt: Number(expires) * 1000,
      };
    },

    open(target) {
      const [path = '', query] = target.split('?', 2);
      const payloadId = path.startsWith(PAYLOAD_PATH) ? path.slice(PAYLOAD_PATH.length) : '';
      const parameters = new URLSearchParams(query);
      const expires = parameters.get('expires') ?? '';
      const signature = parameters.get('signature') ?? '';
      if (!signer.isSignatureOf(signature, expires, [PURPOSE, payloadId])) return null;
      return now() < Number(expires) * 1000 ? payloadId : null;
    },
  };
}
