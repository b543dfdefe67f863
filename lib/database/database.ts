import { ValueRefusedError } from '../common/errors.ts';
import type { Dialect } from './dialect.ts';

/** A value a statement takes: scalars, bytes, and columns of scalars for `unnest`. */
export type SqlValue =
  | string
  | number
  | boolean
  | null
  | Date
  | Uint8Array
  | readonly (string | number | null)[];

export interface QueryResult<Row> {
  rows: Row[];
  /** Rows inserted, updated or deleted; 0 for a SELECT. */
  rowsChanged: number;
}

/**
 * The one door to SQL, the same for the embedded database and for a PostgreSQL server. Both return
 * `bigint` and `count(*)` as numbers, `numeric` as text, `timestamptz` as Date and `bytea` as bytes.
 */
export interface Database {
  /** PostgreSQL's unless given. */
  readonly dialect?: Dialect;
  /**
   * Runs one statement in a transaction of its own.
   * @throws {ValueRefusedError} the database can never take one of these values
   * @throws {DatabaseError} anything else: the statement had no effect, or it is unknown whether it had
   */
  query<Row = Record<string, unknown>>(sql: string, values?: readonly SqlValue[]): Promise<QueryResult<Row>>;
  /**
   * Runs statements in one transaction: committed when `work` resolves, taken back when it rejects or when one of its
   * statements failed, even if `work` made nothing of that. The embedded database runs nothing else meanwhile, so
   * `work` asks `transaction` alone (asking the database would wait for itself) and does nothing slow. Where the server
   * asks for another try, `work` runs again: it has no effects but its statements.
   *
   * @throws what `work` rejects with, and what `query` throws; code 57014 where it took longer than a statement may
   */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** Statements of one transaction. It ends with the work it was given to. */
export type Transaction = Pick<Database, 'query'>;

/** A statement failed. `code` is PostgreSQL's SQLSTATE, or the system's code where no server answered. */
export class DatabaseError extends Error {
  override name = 'DatabaseError';
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Turns what a driver threw into one of the two errors above. */
export function toDatabaseError(error: unknown): DatabaseError | ValueRefusedError {
  if (error instanceof DatabaseError || error instanceof ValueRefusedError) return error;
  const { message, code } = error as { message?: unknown; code?: unknown };
  const sqlState = typeof code === 'string' ? code : undefined;
  // Class 22: data exception. Class 54: program limit exceeded, such as an index entry or a row that is too large.
  if (sqlState !== undefined && /^(22|54)...$/.test(sqlState)) {
    // The server's own message may quote the value, and messages of errors reach logs.
    return new ValueRefusedError(`the database refused a value (SQLSTATE ${sqlState})`);
  }
  return new DatabaseError(String(message || sqlState || error), sqlState);
}

/** A statement of a migration was refused. What was done before it stays, and is gone over when it is run again. */
export class MigrationError extends DatabaseError {
  override name = 'MigrationError';

  constructor(migration: string, cause: DatabaseError) {
    super(`the migration ${migration} failed: ${cause.message}`, cause.code, { cause });
  }
}
