import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, DatabaseError } from '../../lib/database/database.ts';

export type DatabaseFault =
  | { kind: 'none' }
  | { kind: 'slow'; ms: number }
  /** It was not done. */
  | { kind: 'refuses'; code: string }
  /** It was done, and nobody is told. */
  | { kind: 'losesAnswer'; code: string }
  /** All sessions are ended while the statement waits for its table. */
  | { kind: 'endsSessions'; afterMs: number };

/** Ends the sessions after a while in which nobody else gets at the table; meanwhile, runs the statement. */
export type EndSessions = <Result>(
  table: string,
  afterMs: number,
  run: () => Promise<Result>,
) => Promise<Result>;

/** A database in front of the real one; each statement and each transaction meets the next of the faults. */
export function createFaultyDatabase(
  database: Database,
  faults: readonly DatabaseFault[],
  endSessions: EndSessions,
): Database {
  let met = 0;
  async function meet<Result>(table: string, run: () => Promise<Result>): Promise<Result> {
    const fault = faults[met] ?? { kind: 'none' };
    met += 1;
    if (fault.kind === 'refuses') throw new DatabaseError('refused by plan', fault.code);
    if (fault.kind === 'slow') await sleep(fault.ms);
    if (fault.kind === 'endsSessions') return endSessions(table, fault.afterMs, run);
    const result = await run();
    if (fault.kind === 'losesAnswer') throw new DatabaseError('answer lost by plan', fault.code);
    return result;
  }
  return {
    ...database,
    query: (sql, values) => meet(tableOf(sql), () => database.query(sql, values)),
    transaction: (work) => meet('records', () => database.transaction(work)),
  };
}

function tableOf(sql: string): string {
  return /projection\.(\w+)/.exec(sql)?.[1] ?? 'records';
}
