import { ValueRefusedError } from '../common/errors.ts';
import type { Dialect } from './dialect.ts';

/** A parameter of a statement: a scalar, bytes, or an array of scalars, which `unnest` turns into a column. */
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
  /** Number of rows inserted, updated or deleted; 0 for a SELECT. */
  rowsChanged: number;
}

/**
 * The interface through which all code uses SQL. Each driver implements it and returns the same types: `bigint` and
 * `count(*)` as numbers, `numeric` as text, `timestamptz` as Date and `bytea` as bytes.
 */
export interface Database {
  /** The dialect of the database's SQL. Default: PostgreSQL. */
  readonly dialect?: Dialect;
  /**
   * Runs one statement in its own transaction.
   *
   * @throws {ValueRefusedError} the database can never store one of these values
   * @throws {DatabaseError} any other error; the statement had no effect, or its effect is unknown
   */
  query<Row = Record<string, unknown>>(sql: string, values?: readonly SqlValue[]): Promise<QueryResult<Row>>;
  /**
   * Runs statements in one transaction. It commits when `work` resolves. It rolls back when `work` rejects or a
   * statement failed, even if `work` ignored that failure.
   *
   * The embedded database runs nothing else until the transaction ends. So `work` must be fast and must query only
   * `transaction`. If `work` queried the database itself, that query and the transaction would wait for each other. If
   * the server asks for a retry, `work` runs again. So `work` must have no side effects except its statements.
   *
   * @throws the error of `work`, or an error of `query`; code 57014 if the transaction exceeded the statement timeout
   */
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  /** Returns how many statements run and wait now. Absent if this is not known. */
  load?(): DatabaseLoad;
  close(): Promise<void>;
}

/** How busy a use of a database is. */
export interface DatabaseLoad {
  /** Statements and transactions that run now. */
  running: number;
  /** The maximum of `running`. */
  maxRunning: number;
  /** Statements and transactions that wait for a connection. */
  waiting: number;
}

/** Runs statements of one transaction. It must not be used after the `work` that received it has ended. */
export type Transaction = Pick<Database, 'query'>;

/** A statement failed. `code` is PostgreSQL's SQLSTATE, or the operating system's error code if no server answered. */
export class DatabaseError extends Error {
  override name = 'DatabaseError';
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Converts an error of a driver into a DatabaseError or a ValueRefusedError. */
export function toDatabaseError(error: unknown): DatabaseError | ValueRefusedError {
  if (error instanceof DatabaseError || error instanceof ValueRefusedError) return error;
  const { message, code } = error as { message?: unknown; code?: unknown };
  const sqlState = typeof code === 'string' ? code : undefined;
  // Class 22: data exception. Class 54: program limit exceeded, for example if an index entry or a row is too large.
  if (sqlState !== undefined && /^(22|54)...$/.test(sqlState)) {
    // The server's message may quote the value, and error messages are logged.
    return new ValueRefusedError(`the database refused a value (SQLSTATE ${sqlState})`);
  }
  return new DatabaseError(String(message || sqlState || error), sqlState);
}

/** A statement of a migration failed. Earlier statements stay in effect. The next run of the migration repeats them. */
export class MigrationError extends DatabaseError {
  override name = 'MigrationError';

  constructor(migration: string, cause: DatabaseError) {
    super(`migration ${migration} failed: ${cause.message}`, cause.code, { cause });
  }
}

/** The database cannot be used for any statement. The message says what to do. */
export class UnsupportedDatabaseError extends DatabaseError {
  override name = 'UnsupportedDatabaseError';
}
