import { createSigner, type SigningKeys } from '../common/signed-text.ts';
import { PAYLOAD_PATH } from '../stream/payload-url.ts';

/**
 * Seven days. An event can wait almost this long before a consumer reads it: the event source mapping
 * (infra/stack/project-stream-mapping.json) discards older events.
 */
const LIFETIME_MS = 7 * 24 * 60 * 60 * 1000;

const PURPOSE = 'payload';

export interface PayloadLink {
  payloadId: string;
  url: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/**
 * Creates and opens the URLs of offloaded records. Anyone who has such a URL can read its payload until it expires.
 */
export interface PayloadLinks {
  /** Creates a link to a payload that is yet to be stored. */
  create(): PayloadLink;
  /** Creates a new link to a stored payload, valid as long as a link that is created now. */
  renew(payloadId: string): PayloadLink;
  /**
   * Returns the id of the payload that a request target names; null if this service did not sign the link, or if the
   * link has expired.
   */
  open(target: string): string | null;
}

/**
 * Creates links of the form `<origin>/payloads/<uuid>?expires=<epoch seconds>&signature=<HMAC-SHA-256>`. Consumers read
 * the expiry of a link from `expires`, as for a presigned S3 URL: see `expiresAt` in lib/stream/payload-url.ts.
 *
 * @param keys the keys that also sign session tokens. Each signature covers a purpose, so a session token's
 *   signature is not accepted in a link
 * @param origin called for each new link; returns an origin such as `http://127.0.0.1:4580`
 * @param randomId returns UUIDs
 */
export function createPayloadLinks({
  keys,
  origin,
  now,
  randomId,
}: {
  keys: SigningKeys;
  origin: () => string;
  now: () => number;
  randomId: () => string;
}): PayloadLinks {
  const signer = createSigner(keys);
  const linkTo = (payloadId: string): PayloadLink => {
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
  };
  return {
    create: () => linkTo(randomId()),
    renew: linkTo,

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

/** Matches only the event's own member: in a key or a value of a record, the quotation marks would be escaped. */
const LINK_OF_EVENT = new RegExp(`"kinesisSyncRecordsURL":"[^"]*${PAYLOAD_PATH}([0-9a-f-]{36})[?][^"]*"`);

/**
 * Returns the id of the payload to which an event of the outbox links; null if the event contains its records.
 * @param event a serialized event of `recordsEvent`
 */
export function linkedPayload(event: string): string | null {
  return LINK_OF_EVENT.exec(event)?.[1] ?? null;
}

/** Returns an offloaded event of the outbox with another URL of its payload. */
export function withPayloadUrl(event: string, url: string): string {
  return event.replace(LINK_OF_EVENT, () => `"kinesisSyncRecordsURL":${JSON.stringify(url)}`);
}
