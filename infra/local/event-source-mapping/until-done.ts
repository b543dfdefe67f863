import type { MappingOptions, MappingRuntime } from './mapping-settings.ts';
import { errorText, type RetryState } from './retry-state.ts';
import { retryDelayMs } from './waiting.ts';

interface UntilDoneDeps extends Pick<MappingRuntime, 'random' | 'sleep'> {
  options: MappingOptions;
  trouble: RetryState;
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
  { trouble, options, random, sleep, signal }: UntilDoneDeps,
): Promise<boolean> {
  for (;;) {
    try {
      await work();
      return true;
    } catch (error) {
      const attempt = trouble.failed(`${failure}: ${errorText(error)}`);
      await sleep(retryDelayMs(attempt, options, random()), signal);
      if (signal.aborted) return false;
    }
  }
}
