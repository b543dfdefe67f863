/**
 * The payload behind a URL can never be had: the URL is not allowed, has expired or leads to nothing, or what lies
 * behind it cannot be a payload. Never quotes the URL: the query string of a presigned one is a secret.
 */
export class PayloadRefusedError extends Error {
  override name = 'PayloadRefusedError';
}

/** The payload could not be had for now; trying again later can help. Never quotes the URL either. */
export class PayloadUnavailableError extends Error {
  override name = 'PayloadUnavailableError';
}
