/**
 * A permanent failure to fetch a payload: the URL is not allowed, has expired or points to nothing, or the object
 * cannot be a payload. The message never quotes the URL, because the query string of a presigned URL is a secret.
 */
export class PayloadRefusedError extends Error {
  override name = 'PayloadRefusedError';
}

/** A transient failure to fetch a payload: a retry may succeed. The message never quotes the URL either. */
export class PayloadUnavailableError extends Error {
  override name = 'PayloadUnavailableError';
}

/**
 * Fetches the payload of an offloaded event from its URL.
 *
 * @throws {PayloadRefusedError} this URL can never return the payload
 * @throws {PayloadUnavailableError} the payload is unavailable for now; retry the entire fetch
 */
export type FetchPayload = (url: string) => Promise<Uint8Array>;
