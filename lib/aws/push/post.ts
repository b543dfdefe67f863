import { isObject } from '../../common/json.ts';
import { PushError } from '../../sync/ports/push.ts';

/** The response of a push service. */
export interface PushResponse {
  status: number;
  /** The response's JSON object; empty if the body is not one. */
  body: Readonly<Record<string, unknown>>;
  /** The wait that the response demands, in milliseconds; null if it demands none. */
  retryAfterMs: number | null;
}

/** Longest wait for a push service, from the connection to the last byte. */
export const REQUEST_TIMEOUT_MS = 5_000;
/** The responses of the push services have a few hundred bytes. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/**
 * Sends a POST request and reads the response. Follows no redirect, because the new address would receive the token.
 *
 * @param service the name of the service in error messages
 * @throws {PushError} `temporary`: the service did not respond, or its response is too large
 */
export async function post(
  fetch: typeof globalThis.fetch,
  service: string,
  url: string,
  { headers, body }: { headers: Readonly<Record<string, string>>; body: string },
): Promise<PushResponse> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    return {
      status: response.status,
      body: parseObject(await readResponseText(response.body ?? [], service)),
      retryAfterMs: readRetryAfter(response.headers.get('retry-after') ?? undefined),
    };
  } catch (error) {
    if (error instanceof PushError) throw error;
    throw new PushError('temporary', `${service} did not respond (${causeOf(error)})`);
  }
}

/**
 * Reads the text of a response.
 * @throws {PushError} `temporary`: the response is too large
 */
export async function readResponseText(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  service: string,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_RESPONSE_BYTES) {
      throw new PushError(
        'temporary',
        `the response of ${service} is larger than ${MAX_RESPONSE_BYTES} bytes`,
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Parses a text that should be a JSON object. Returns an empty object for any other text. */
export function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Reads a `Retry-After` header in seconds. The push services do not send the other form, a date. */
export function readRetryAfter(value: string | undefined): number | null {
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : null;
}

/** Whether the same request may succeed later. */
export function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** Returns a provider's reason if it is a short word, and `no reason` otherwise, so that the result is safe to log. */
export function toReason(value: unknown): string {
  return typeof value === 'string' && /^\w{1,64}$/.test(value) ? value : 'no reason';
}

/** Returns the code or name of an error, or of its cause. Omits messages, which may quote what was sent. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const cause = error.cause instanceof Error ? error.cause : error;
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name;
}
