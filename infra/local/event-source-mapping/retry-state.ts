import { retryDelayMs } from '../waiting.ts';
import type { MappingOptions, MappingRuntime } from './mapping-settings.ts';

/** Ids, counts and states only: never what a record holds. */
export interface MappingLogger {
  info(message: string, details: Record<string, unknown>): void;
  warn(message: string, details: Record<string, unknown>): void;
  error(message: string, details: Record<string, unknown>): void;
}

/** The current run of failures of something that is tried until it works. */
export interface RetryState {
  /** What went wrong last, for a status; null when the last attempt worked. */
  message(): string | null;
  /**
   * @param what goes to the log, unless it is what was logged last in this run
   * @param message for the status; an error's own text may quote data, so it stays out of the log
   * @returns how many failures came before this one since the last progress
   */
  failed(what: string, message?: string): number;
  /** Something was achieved, though not all: the next failure counts as the first. */
  progressed(): void;
  over(): void;
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
    over() {
      if (message !== null) logger.info('the event source mapping works again', details);
      message = null;
      logged = undefined;
      failures = 0;
    },
  };
}

/** What an error says, in one line. */
export function errorText(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return typeof error === 'string' ? error : 'something that is not an Error was thrown';
}

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
