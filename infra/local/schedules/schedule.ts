import type { MappingLogger } from '../event-source-mapping/retry-state.ts';
import { sleep as realSleep, type Sleep } from '../waiting.ts';

export interface ScheduleStatus {
  functionName: string;
  /** Name of the error of the last run, without its message, which may quote data. Null if the run succeeded. */
  lastError: string | null;
}

export interface Schedule {
  status(): ScheduleStatus;
  /**
   * Requests a run. Without a run in progress, the run starts now. Otherwise, it starts right after the run in
   * progress. Several requests during a run cause only one more run.
   */
  nudge(): void;
  /** Ends the schedule. Resolves when the run in progress has ended, so `run` must limit its own duration. */
  close(): Promise<void>;
}

/** Maximum pause after a failed run. A longer pause would delay the work even if the cause of the failure has ended. */
const PAUSE_AFTER_FAILURE_MS = 5_000;

/** The reason for ending a pause. Without a reason, each request would create an error with a stack trace. */
const REQUESTED = 'a run was requested';

export interface ScheduleDeps {
  /** The function's name, for log entries. */
  functionName: string;
  /** Pause between the end of a run and the start of the next run. After a failed run, at most five seconds. */
  intervalMs: number;
  run: () => Promise<unknown>;
  logger: Pick<MappingLogger, 'error' | 'info'>;
  sleep?: Sleep;
}

/**
 * Runs a function immediately, then at an interval and on request, but never concurrently. This is the local
 * counterpart of an Amazon EventBridge schedule. Never throws. If consecutive runs fail, logs only the first failure,
 * and later the first success.
 */
export function startSchedule({
  functionName,
  intervalMs,
  run,
  logger,
  sleep = realSleep,
}: ScheduleDeps): Schedule {
  let pause = new AbortController();
  let closed = false;
  let lastError: string | null = null;

  async function runOnce(): Promise<void> {
    try {
      await run();
      if (lastError !== null) logger.info('the scheduled function succeeded again', { functionName });
      lastError = null;
    } catch (error) {
      if (lastError === null) {
        logger.error('the scheduled function failed and will be retried', { functionName, error });
      }
      lastError = error instanceof Error ? error.name : 'Error';
    }
  }

  async function keepRunning(): Promise<void> {
    while (!closed) {
      // The controller is created before the run. A request during the run therefore cancels the pause after the run.
      pause = new AbortController();
      await runOnce();
      const pauseMs = lastError === null ? intervalMs : Math.min(intervalMs, PAUSE_AFTER_FAILURE_MS);
      if (!closed) await sleep(pauseMs, pause.signal);
    }
  }

  const running = keepRunning();
  return {
    status: () => ({ functionName, lastError }),
    nudge: () => pause.abort(REQUESTED),
    close() {
      closed = true;
      pause.abort(REQUESTED);
      return running;
    },
  };
}
