import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, DatabaseError } from '../../lib/database/database.ts';

export type DatabaseFault =
  | { kind: 'none' }
  | { kind: 'slow'; ms: number }
  /** The statement fails and has no effect. */
  | { kind: 'fails'; code: string }
  /** The statement succeeds, but its result is lost. */
  | { kind: 'losesResult'; code: string }
  /** All sessions end while the statement waits for the lock on its table. */
  | { kind: 'endsSessions'; afterMs: number };

/**
 * Locks the table and calls `run`, which starts a statement. After `afterMs`, ends all sessions of `database`, including
 * the one that waits for the lock.
 */
export type EndSessions = <Result>(
  table: string,
  afterMs: number,
  run: () => Promise<Result>,
) => Promise<Result>;

/** Wraps a database. The next fault of the plan affects the next statement or transaction. */
export function createFaultyDatabase(
  database: Database,
  faults: readonly DatabaseFault[],
  endSessions: EndSessions,
): Database {
  let used = 0;
  async function withFault<Result>(table: string, run: () => Promise<Result>): Promise<Result> {
    const fault = faults[used] ?? { kind: 'none' };
    used += 1;
    if (fault.kind === 'fails') throw new DatabaseError('failed by plan', fault.code);
    if (fault.kind === 'slow') await sleep(fault.ms);
    if (fault.kind === 'endsSessions') return endSessions(table, fault.afterMs, run);
    const result = await run();
    if (fault.kind === 'losesResult') throw new DatabaseError('result lost by plan', fault.code);
    return result;
  }
  return {
    ...database,
    query: (sql, values) => withFault(tableOf(sql), () => database.query(sql, values)),
    transaction: (work) => withFault('records', () => database.transaction(work)),
  };
}

function tableOf(sql: string): string {
  return /projection\.(\w+)/.exec(sql)?.[1] ?? 'records';
}
