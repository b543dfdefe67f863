import type { MappingLogger } from '../event-source-mapping/retry-state.ts';
import { sleep as realSleep, type Sleep } from '../waiting.ts';

export interface ScheduleStatus {
  functionName: string;
  /** Why the last run failed, its name alone: messages may quote data. Null where it did not. */
  lastError: string | null;
}

export interface Schedule {
  status(): ScheduleStatus;
  /** Asks for a run now; during a run, for another right after it. Many nudges are one. */
  nudge(): void;
  /** Ends the schedule; resolves when the run under way has ended. A run that never ends has to be bounded by the caller. */
  close(): Promise<void>;
}

/** After a failure a long pause would leave undone what may be possible again by now. */
const PAUSE_AFTER_FAILURE_MS = 5_000;

export interface ScheduleDeps {
  /** What runs, for the log. */
  functionName: string;
  /** Pause between the end of a run and the start of the next; five seconds at most after one that failed. */
  intervalMs: number;
  run: () => Promise<unknown>;
  logger: Pick<MappingLogger, 'error' | 'info'>;
  sleep?: Sleep;
}

/**
 * Runs a function at once, then on an interval and when nudged, never twice at a time: the local counterpart of an
 * Amazon EventBridge schedule. Never throws: of failures in a row the first is logged, and then that it works again.
 */
export function startSchedule({
  functionName,
  intervalMs,
  run,
  logger,
  sleep = realSleep,
}: ScheduleDeps): Schedule {
  let nap = new AbortController();
  let closed = false;
  let lastError: string | null = null;

  async function runOnce(): Promise<void> {
    try {
      await run();
      if (lastError !== null) logger.info('the scheduled function works again', { functionName });
      lastError = null;
    } catch (error) {
      if (lastError === null) {
        logger.error('the scheduled function failed, to be run again', { functionName, error });
      }
      lastError = error instanceof Error ? error.name : 'Error';
    }
  }

  async function keepRunning(): Promise<void> {
    while (!closed) {
      // Made before the run, so that a nudge during the run spares the pause after it.
      nap = new AbortController();
      await runOnce();
      const pauseMs = lastError === null ? intervalMs : Math.min(intervalMs, PAUSE_AFTER_FAILURE_MS);
      if (!closed) await sleep(pauseMs, nap.signal);
    }
  }

  const running = keepRunning();
  return {
    status: () => ({ functionName, lastError }),
    nudge: () => nap.abort(),
    close() {
      closed = true;
      nap.abort();
      return running;
    },
  };
}
