import { type FetchPayload, PayloadUnavailableError } from '../../../../lib/stream/ports/fetch-payload.ts';

/**
 * Number of consecutive failures after which requests to an origin (scheme, host and port of a payload's URL) are
 * skipped. A failure is a payload that is unavailable for now, or a rejection that counts as a timeout. Each may take
 * 15 seconds.
 */
const MAX_IN_A_ROW = 3;

/**
 * A rejection after at least this many milliseconds counts as a timeout. The duration decides, because the error is not
 * reliable: if the link has expired, `fetchPayload` reports even a timeout as a rejection.
 */
const ANSWERED_WITHIN_MS = 5_000;

/**
 * Wraps the payload fetch of one redrive. After `MAX_IN_A_ROW` consecutive failures of an origin, the returned function
 * sends no more requests to that origin and reports the payloads as unavailable. Without this limit, a redrive of
 * hundreds of events with unresponsive origins would take hours.
 *
 * @param now epoch milliseconds
 */
export function skipSilentOrigins(fetchPayload: FetchPayload, now: () => number): FetchPayload {
  const silences = new Map<string, number>();
  return async (url) => {
    const origin = URL.parse(url)?.origin ?? '';
    const inARow = silences.get(origin) ?? 0;
    if (inARow >= MAX_IN_A_ROW) throw new PayloadUnavailableError('this origin does not respond');
    const startedAt = now();
    try {
      const payload = await fetchPayload(url);
      silences.delete(origin);
      return payload;
    } catch (error) {
      const isSilence = error instanceof PayloadUnavailableError || now() - startedAt >= ANSWERED_WITHIN_MS;
      if (isSilence) silences.set(origin, inARow + 1);
      else silences.delete(origin);
      throw error;
    }
  };
}
