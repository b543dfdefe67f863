import pLimit from 'p-limit';
import { type PushChannel, PushError } from '../ports/push.ts';

type Send = PushChannel['send'];

interface SendQueueDeps {
  send: Send;
  /** Resolves after this many milliseconds; its timer must not keep the process alive. */
  sleep: (ms: number) => Promise<void>;
  /** Returns a number from 0 up to 1. */
  random: () => number;
}

/** Messages in flight at a time. */
const MAX_IN_FLIGHT = 50;
/** Messages in flight, waiting, or waiting for their next attempt. They occupy about 10 MB. */
export const MAX_QUEUED = 10_000;
const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 1_000;
/** If the platform demands a longer wait, the message is not retried. */
const MAX_RETRY_MS = 60_000;

/**
 * Creates the queue of messages of one push application. The queue limits the messages that are sent at a time, and
 * retries temporary failures up to three times: after about 1, 4 and 16 seconds, or later if the platform demands it. A
 * message that waits for its next attempt does not hold up other messages.
 *
 * @returns a function that resolves when the message is sent, and rejects when it will not be sent. It rejects
 *   immediately if the queue is full
 */
export function createSendQueue({ send, sleep, random }: SendQueueDeps): Send {
  const limit = pLimit(MAX_IN_FLIGHT);
  let queued = 0;

  async function sendWithRetries(...message: Parameters<Send>): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await limit(() => send(...message));
      } catch (error) {
        const delayMs = attempt < MAX_ATTEMPTS ? retryDelay(error, attempt, random()) : null;
        if (delayMs === null) throw error;
        await sleep(delayMs);
      }
    }
  }

  return async (...message) => {
    if (queued >= MAX_QUEUED) throw new PushError('failed', 'the queue of the push application is full');
    queued += 1;
    try {
      await sendWithRetries(...message);
    } finally {
      queued -= 1;
    }
  };
}

/** @returns null if the message must not be sent again */
function retryDelay(error: unknown, attempt: number, random: number): number | null {
  if (!(error instanceof PushError && error.reason === 'temporary')) return null;
  const { retryAfterMs } = error;
  if (retryAfterMs !== null && retryAfterMs > MAX_RETRY_MS) return null;
  // Without a random part, all messages that failed together would be sent again together.
  const backoffMs = FIRST_RETRY_MS * 4 ** (attempt - 1) * (0.5 + random);
  return (retryAfterMs ?? 0) + backoffMs;
}
