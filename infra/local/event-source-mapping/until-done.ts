import type { MappingPace, Surroundings } from './mapping-settings.ts';
import { errorText, type Trouble } from './trouble.ts';
import { retryDelayMs } from './waiting.ts';

interface UntilDoneDeps extends Pick<Surroundings, 'random' | 'sleep'> {
  pace: MappingPace;
  trouble: Trouble;
  signal: AbortSignal;
}

/**
 * Tries until it works; false when the signal was aborted before it did.
 *
 * @param failure what to say when it does not
 */
export async function untilDone(
  work: () => Promise<void>,
  failure: string,
  { trouble, pace, random, sleep, signal }: UntilDoneDeps,
): Promise<boolean> {
  for (;;) {
    try {
      await work();
      return true;
    } catch (error) {
      const attempt = trouble.failed(`${failure}: ${errorText(error)}`);
      await sleep(retryDelayMs(attempt, pace, random()), signal);
      if (signal.aborted) return false;
    }
  }
}
