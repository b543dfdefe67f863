import type { SqlResult } from '../../common/sql-result.ts';

/** Maximum number of rows that a caller can ask for. */
export const MAX_SQL_ROWS = 10_000;
export const DEFAULT_SQL_ROWS = 1_000;

/** Runs SQL that a person wrote. The statement can only read, and its transaction is rolled back. */
export interface SqlRunner {
  /**
   * @param maxRows maximum number of rows, at most `MAX_SQL_ROWS`
   * @throws {SqlError} the statement is invalid, not allowed, too slow, or has too large a result
   * @throws {DatabaseError} 53400 if too many statements wait, 55P03 if the statement waited too long, another code if
   *   the database cannot be used
   */
  run(sql: string, maxRows: number): Promise<SqlResult>;
}
