export interface JsonResponse {
  /** 200, or 400 to 499. */
  status: number;
  body: unknown;
}

/**
 * Fetches a JSON document of a login provider: its keys, or what it knows about a token.
 *
 * @param url may contain a secret in its query
 * @param options.authorization the value of the header `Authorization`
 * @param options.signal aborts the request, from name resolution to the last byte of the body
 * @throws {ProviderUnavailableError} any other outcome
 */
export type FetchJson = (
  url: string,
  options: { signal: AbortSignal; authorization?: string },
) => Promise<JsonResponse>;

/**
 * A login provider did not respond, or its response cannot be used. The message names the host and the reason. It
 * contains neither the query of a URL nor any received data.
 */
export class ProviderUnavailableError extends Error {
  override name = 'ProviderUnavailableError';
}
