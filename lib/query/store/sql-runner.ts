import { QUERY_LIMITS, type SqlReader } from '../../database/read-sql.ts';
import { createWaitingLine } from '../../database/waiting-line.ts';
import type { SqlRunner } from '../ports/sql-runner.ts';

/** Maximum size of a result. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Statements that people write can be slow, so they use only some of the connections for readers. The lists of the
 * query API use the others.
 */
const LINE = { maxRunning: 2, maxWaiting: 8, maxWaitMs: QUERY_LIMITS.maxWaitMs };

/** Creates the runner on any connections for readers. */
export function createSqlRunner(database: SqlReader): SqlRunner {
  const line = createWaitingLine(LINE);
  const limits = { maxBytes: MAX_BYTES, timeoutMs: QUERY_LIMITS.statementTimeoutMs };
  return {
    run: (sql, maxRows) => line.run(() => database.readSql(sql, { ...limits, maxRows })),
  };
}
