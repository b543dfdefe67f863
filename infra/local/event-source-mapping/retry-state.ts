import { retryDelayMs } from '../waiting.ts';
import type { MappingOptions, MappingRuntime } from './mapping-settings.ts';

/** Logs ids, counts and states only, never the content of a record. */
export interface MappingLogger {
  info(message: string, details: Record<string, unknown>): void;
  warn(message: string, details: Record<string, unknown>): void;
  error(message: string, details: Record<string, unknown>): void;
}

/** The state of consecutive failures of an operation that is retried until it succeeds. */
export interface RetryState {
  /** Returns the text of the last failure, for a status report; null if the last attempt succeeded. */
  message(): string | null;
  /**
   * Records a failure.
   * @param what the text to log. It is not logged again if the last logged failure had the same text and the operation
   * has not recovered since
   * @param message text for the status only; it must not be logged, because the text of an error may quote data
   * @returns the number of earlier failures since the last progress
   */
  failed(what: string, message?: string): number;
  /** Records partial success. The next failure counts as the first, so the delay before its retry is short. */
  progressed(): void;
  /** Records complete success. */
  recovered(): void;
}

export function createRetryState(logger: MappingLogger, details: Record<string, unknown>): RetryState {
  let message: string | null = null;
  let logged: string | undefined;
  let failures = 0;
  return {
    message: () => message,
    failed(what, text = what) {
      if (what !== logged) logger.warn(what, details);
      logged = what;
      message = text;
      return failures++;
    },
    progressed() {
      failures = 0;
    },
    recovered() {
      if (message !== null) logger.info('the event source mapping recovered', details);
      message = null;
      logged = undefined;
      failures = 0;
    },
  };
}

/** Returns the message of an error. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return typeof error === 'string' ? error : 'a value that is not an Error was thrown';
}

interface UntilDoneDeps extends Pick<MappingRuntime, 'random' | 'sleep'> {
  options: MappingOptions;
  retryState: RetryState;
  signal: AbortSignal;
}

/**
 * Retries `work` until it succeeds. Returns false if the signal was aborted before `work` succeeded.
 *
 * @param failure describes a failed attempt
 */
export async function untilDone(
  work: () => Promise<void>,
  failure: string,
  { retryState, options, random, sleep, signal }: UntilDoneDeps,
): Promise<boolean> {
  for (;;) {
    try {
      await work();
      return true;
    } catch (error) {
      const attempt = retryState.failed(`${failure}: ${errorText(error)}`);
      await sleep(retryDelayMs(attempt, options, random()), signal);
      if (signal.aborted) return false;
    }
  }
}
