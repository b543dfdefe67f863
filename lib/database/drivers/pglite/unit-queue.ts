import { DatabaseError } from '../../database.ts';

/** Runs units of work, such as a statement or a transaction, one at a time. A unit ends when its promise settles. */
export interface UnitQueue {
  /** Runs units of the service in order of arrival, before all waiting reads. */
  runService<Result>(unit: () => Promise<Result>): Promise<Result>;
  /**
   * Runs reads in order of arrival.
   *
   * @throws {DatabaseError} 53400 if too many reads are waiting, 55P03 if this read waited too long
   */
  runRead<Result>(unit: () => Promise<Result>): Promise<Result>;
  /** Rejects all waiting reads. */
  rejectReads(reason: DatabaseError): void;
}

export interface ReadLimits {
  /** Maximum reads that wait at the same time. */
  maxWaitingReads: number;
  maxReadWaitMs: number;
  /** The longest pause between two reads. */
  maxReadPauseMs: number;
}

/**
 * If a read has delayed the service, the next read waits this many times the delay. A running read cannot be
 * interrupted. Without the pause, the next read would start as soon as the service has no request. A client that sends
 * one request after the other would then wait for a read every time. With the pause, reads delay the service for about
 * a tenth of the time.
 */
const PAUSE_FACTOR = 9;

interface WaitingRead {
  run(): Promise<void>;
  reject(reason: DatabaseError): void;
}

export function createUnitQueue({ maxWaitingReads, maxReadWaitMs, maxReadPauseMs }: ReadLimits): UnitQueue {
  const service: (() => Promise<void>)[] = [];
  /** The waiting reads in order of arrival. */
  const reads = new Set<WaitingRead>();
  let isRunning = false;
  let isReading = false;
  /** When the service started to wait for the running read. */
  let delayedSince: number | undefined;
  let pausedUntil = 0;
  let pause: NodeJS.Timeout | undefined;

  function runNext(): void {
    if (isRunning) return;
    const run = service.shift() ?? takeRead()?.run;
    if (run === undefined) return;
    isRunning = true;
    void run().then(() => {
      isRunning = false;
      runNext();
    });
  }

  function takeRead(): WaitingRead | undefined {
    const [read] = reads;
    if (read === undefined) return undefined;
    const pauseMs = pausedUntil - performance.now();
    if (pauseMs > 0) {
      clearTimeout(pause);
      pause = setTimeout(runNext, pauseMs);
      return undefined;
    }
    reads.delete(read);
    return read;
  }

  async function timeRead(run: () => Promise<void>): Promise<void> {
    isReading = true;
    delayedSince = undefined;
    await run();
    isReading = false;
    if (delayedSince === undefined) return;
    const now = performance.now();
    pausedUntil = now + Math.min(maxReadPauseMs, PAUSE_FACTOR * (now - delayedSince));
  }

  return {
    runService(unit) {
      if (isReading) delayedSince ??= performance.now();
      const { run, result } = settling(unit);
      service.push(run);
      runNext();
      return result.promise;
    },
    runRead(unit) {
      const { run, result } = settling(unit);
      if (reads.size >= maxWaitingReads) {
        result.reject(
          new DatabaseError(`${maxWaitingReads} statements are already waiting; try again later`, '53400'),
        );
        return result.promise;
      }
      const timer = setTimeout(() => {
        reads.delete(read);
        result.reject(
          new DatabaseError(
            `the statement waited ${maxReadWaitMs} ms for other statements; try again later`,
            '55P03',
          ),
        );
      }, maxReadWaitMs);
      const read: WaitingRead = {
        run() {
          clearTimeout(timer);
          return timeRead(run);
        },
        reject(reason) {
          clearTimeout(timer);
          result.reject(reason);
        },
      };
      reads.add(read);
      runNext();
      return result.promise;
    },
    rejectReads(reason) {
      clearTimeout(pause);
      for (const read of reads) read.reject(reason);
      reads.clear();
    },
  };
}

/** Returns the promise of the unit's result, and `run`, which runs the unit and whose own promise never rejects. */
function settling<Result>(unit: () => Promise<Result>): {
  run: () => Promise<void>;
  result: PromiseWithResolvers<Result>;
} {
  const result = Promise.withResolvers<Result>();
  return { run: () => unit().then(result.resolve, result.reject), result };
}
