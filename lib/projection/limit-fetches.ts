import pLimit from 'p-limit';
import { type FetchPayload, PayloadUnavailableError } from '../stream/ports/fetch-payload.ts';

interface BatchLimits {
  /** Maximum number of concurrent fetches. */
  atOnce: number;
  /** No fetch starts once this many bytes were fetched. */
  maxBytes: number;
  /** No fetch starts once this many milliseconds have passed. */
  maxMs: number;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

/**
 * Limits for a function with 1 GB of memory and a timeout of at least one minute. After `maxMs`, time must remain for the
 * last fetch with its retries, and for the write.
 */
export const BATCH_FETCH_LIMITS = { atOnce: 4, maxBytes: 64 * 1024 * 1024, maxMs: 20_000 };

/**
 * Limits the fetches of one batch to the function's memory and time. Fetches start in the order of the calls.
 *
 * Once a limit is reached, a fetch fails as unavailable instead of starting. The batch then ends before the event of
 * that fetch, and the next batch starts with that event. After the first unavailable payload, all later fetches fail
 * too, because no event after the event of that payload can count as processed.
 */
export function limitFetches(
  fetchPayload: FetchPayload,
  { atOnce, maxBytes, maxMs, now }: BatchLimits,
): FetchPayload {
  const queue = pLimit(atOnce);
  const startedAt = now();
  let bytes = 0;
  let isExhausted = false;
  return (url) =>
    queue(async () => {
      isExhausted ||= bytes >= maxBytes || now() - startedAt >= maxMs;
      if (isExhausted)
        throw new PayloadUnavailableError('payload not fetched in this batch; the next batch fetches it');
      try {
        const payload = await fetchPayload(url);
        bytes += payload.length;
        return payload;
      } catch (error) {
        isExhausted ||= error instanceof PayloadUnavailableError;
        throw error;
      }
    });
}
