import { setImmediate } from 'node:timers/promises';

/** A text with at least this many bytes or characters counts as large. */
export const LARGE_LENGTH = 64 * 1024;

/**
 * Lets other requests run between two steps of a request with a large text. Hashing, parsing, encoding and sending such
 * a text take up to tens of milliseconds each. Resolves without a pause if the text is not large.
 *
 * @param length bytes or characters
 */
export async function letOthersRun(length: number): Promise<void> {
  if (length >= LARGE_LENGTH) await setImmediate();
}
