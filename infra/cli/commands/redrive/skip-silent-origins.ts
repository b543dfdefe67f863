import { type FetchPayload, PayloadUnavailableError } from '../../../../lib/stream/payload.ts';

/** Each may take a quarter of a minute. */
const MAX_IN_A_ROW = 3;

/** A refusal that takes longer is nobody's answer: the link had expired, and nothing else came. */
const ANSWERED_WITHIN_MS = 5_000;

/**
 * The fetches of one run. What lies at an origin that kept silent a few times in a row is not asked for any more, and
 * unavailable for now: hundreds of such events would take hours.
 *
 * @param now epoch milliseconds
 */
export function skipSilentOrigins(fetchPayload: FetchPayload, now: () => number): FetchPayload {
  const silences = new Map<string, number>();
  return async (url) => {
    const origin = URL.parse(url)?.origin ?? '';
    const inARow = silences.get(origin) ?? 0;
    if (inARow >= MAX_IN_A_ROW) throw new PayloadUnavailableError('its origin keeps silent');
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
