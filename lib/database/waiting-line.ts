import { type Database, DatabaseError, type DatabaseLoad } from './database.ts';

/** Limits of the statements and transactions of one use of a database. */
export interface LineLimits {
  /** Maximum number of statements and transactions that run at the same time. */
  maxRunning: number;
  /** Maximum number of statements and transactions that wait. Default: no limit. */
  maxWaiting?: number | undefined;
  /** Maximum time for which a statement or transaction waits. Default: no limit. */
  maxWaitMs?: number | undefined;
}

export interface WaitingLine {
  load(): DatabaseLoad;
  /**
   * Runs `work` as soon as fewer than `maxRunning` others run. Waiting work runs in order of arrival.
   *
   * @throws {DatabaseError} 53400 if `maxWaiting` others are already waiting, 55P03 if `work` has waited for
   *   `maxWaitMs`; in both cases, `work` did not run
   */
  run<Result>(work: () => Promise<Result>): Promise<Result>;
}

export function createWaitingLine({
  maxRunning,
  maxWaiting = Number.POSITIVE_INFINITY,
  maxWaitMs,
}: LineLimits): WaitingLine {
  /** In order of arrival. */
  const waiting = new Set<PromiseWithResolvers<void>>();
  let running = 0;

  async function enter(): Promise<void> {
    if (running < maxRunning) {
      running += 1;
      return;
    }
    if (waiting.size >= maxWaiting) {
      throw new DatabaseError(`${maxWaiting} statements are already waiting; try again later`, '53400');
    }
    const turn = Promise.withResolvers<void>();
    waiting.add(turn);
    const timer = maxWaitMs === undefined ? undefined : setTimeout(() => giveUp(turn, maxWaitMs), maxWaitMs);
    try {
      await turn.promise;
    } finally {
      clearTimeout(timer);
    }
  }

  function giveUp(turn: PromiseWithResolvers<void>, afterMs: number): void {
    waiting.delete(turn);
    turn.reject(
      new DatabaseError(`a statement waited ${afterMs} ms for a connection; try again later`, '55P03'),
    );
  }

  /**
   * Passes the place of the work that ended to the work that has waited longest. Work that arrives later cannot take
   * this place.
   */
  function leave(): void {
    const [next] = waiting;
    if (next === undefined) {
      running -= 1;
      return;
    }
    waiting.delete(next);
    next.resolve();
  }

  return {
    load: () => ({ running, maxRunning, waiting: waiting.size }),
    async run(work) {
      await enter();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

/** Limits how many statements and transactions of one use of a database run, how many wait, and for how long. */
export function limitWaiting(database: Database, limits: LineLimits): Database {
  const line = createWaitingLine(limits);
  return {
    ...database,
    load: line.load,
    query: (sql, values) => line.run(() => database.query(sql, values)),
    transaction: (work) => line.run(() => database.transaction(work)),
  };
}
