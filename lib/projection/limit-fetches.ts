import pLimit from 'p-limit';
import { type FetchPayload, PayloadUnavailableError } from '../stream/payload.ts';

interface BatchLimits {
  /** Fetches under way at the same time. */
  atOnce: number;
  /** After so many bytes no fetch is begun. */
  maxBytes: number;
  /** After so many milliseconds no fetch is begun. */
  maxMs: number;
  /** Epoch milliseconds. */
  now: () => number;
}

/**
 * Keeps the fetches of one batch within a function's memory and time. They begin in the order in which they are asked
 * for; what is not begun any more is unavailable for now: the batch ends before it, and the next one begins with it.
 * So is everything after the first that was unavailable, since nothing behind it can be taken for done.
 */
export function limitFetches(
  fetchPayload: FetchPayload,
  { atOnce, maxBytes, maxMs, now }: BatchLimits,
): FetchPayload {
  const queue = pLimit(atOnce);
  const startedAt = now();
  let bytes = 0;
  let isOver = false;
  return (url) =>
    queue(async () => {
      isOver ||= bytes >= maxBytes || now() - startedAt >= maxMs;
      if (isOver) throw new PayloadUnavailableError('left to the next batch');
      try {
        const payload = await fetchPayload(url);
        bytes += payload.length;
        return payload;
      } catch (error) {
        isOver ||= error instanceof PayloadUnavailableError;
        throw error;
      }
    });
}
