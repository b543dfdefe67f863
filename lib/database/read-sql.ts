import type { SqlResult } from '../common/sql-result.ts';
import type { Database } from './database.ts';

/**
 * Options of a pool whose statements only read. A statement that has waited for a connection for five seconds fails,
 * because a client should retry instead of waiting longer.
 */
export const QUERY_LIMITS = {
  statementTimeoutMs: 10_000,
  lockTimeoutMs: 5_000,
  maxWaitMs: 5_000,
  isReadOnly: true,
};

/** Limits of a reader's statement. */
export interface SqlLimits {
  maxRows: number;
  /** Maximum size of the result, in bytes of PostgreSQL's protocol. */
  maxBytes: number;
  timeoutMs: number;
}

/** Runs statements that a person wrote. */
export interface SqlReader {
  /**
   * Runs one statement with the rights of the role `query_reader`, in a read-only transaction that is rolled back.
   * Nothing of the statement remains: no data, no setting and no lock. On PostgreSQL, only SELECT, VALUES, TABLE and WITH
   * are accepted.
   *
   * @throws {SqlError} the statement is invalid, not allowed, too slow, or has too large a result
   * @throws {DatabaseError} 53400 or 55P03 if too many statements wait, or the server cannot be used
   */
  readSql(sql: string, limits: SqlLimits): Promise<SqlResult>;
}

/** Connections that only read. */
export type ReadDatabase = Database & SqlReader;

/**
 * The database, or this project's own check, rejected a reader's statement. A message of the database may quote the
 * statement.
 */
export class SqlError extends Error {
  override name = 'SqlError';
  readonly code: string;
  /** The character of the statement at which the error was found, starting at 1; null if it is unknown. */
  readonly position: number | null;

  constructor(message: string, code: string, position: number | null = null) {
    super(message);
    this.code = code;
    this.position = position;
  }
}

/** A statement's result has more than `maxBytes` bytes. */
export const tooLarge = (maxBytes: number) =>
  new SqlError(
    `the result is larger than ${maxBytes} bytes; add a LIMIT, or select fewer or shorter columns`,
    '54000',
  );

const CURSOR = 'DECLARE reader NO SCROLL CURSOR FOR ';

/**
 * Returns a statement that declares a cursor for a reader's statement. For a cursor, PostgreSQL's grammar accepts only
 * statements that return rows, and no statement that writes. Send the result with the extended protocol, which accepts
 * only one statement.
 */
export function declareCursor(sql: string): string {
  return `${CURSOR}${sql}`;
}

/** Returns the statement that reads from the cursor. It reads one row more, to find out whether there are more. */
export function fetchFromCursor(maxRows: number): string {
  return `FETCH FORWARD ${Math.trunc(maxRows) + 1} FROM reader`;
}

const SUBQUERY = 'SELECT * FROM (';
/**
 * Matches a semicolon at the end of a statement, also if a comment follows. A comment must not contain the excluded
 * characters: with them, the text might be a part of a literal or of a block comment.
 */
const END = /;\s*(?:--[^\n'"$*]*)?\s*$/;

/**
 * Returns a statement that reads at most one row more than `maxRows` of a reader's statement, without a cursor. Only
 * statements that return rows can be in a subquery, and no statement that writes.
 */
export function selectFrom(sql: string, maxRows: number): string {
  // The line break ends a comment at the end of the statement.
  return `${SUBQUERY}${sql.replace(END, '')}\n) AS reader LIMIT ${Math.trunc(maxRows) + 1}`;
}

/** Converts a position in the text of `declareCursor` or `selectFrom` to a position in the reader's statement. */
export function positionInStatement(position: string | undefined, isInCursor = true): number | null {
  const at = Number(position ?? 'none') - (isInCursor ? CURSOR : SUBQUERY).length;
  return at >= 1 ? at : null;
}

/**
 * Functions that a reader's statement must not call. `set_config` could replace the role of the reader by that of the
 * connection's user. `pg_logical_emit_message` writes to the write-ahead log, which ROLLBACK does not undo. The others
 * run SQL that is passed as a text, in which this check would not find such a call. PostgreSQL has no privilege that
 * prevents a session from leaving the reader's role.
 */
const LEAVES_ROLE = String.raw`\b(?:set_config|query_to_xml\w*|ts_stat|ts_rewrite|pg_logical_emit_message|dblink\w*|crosstab\w*|connectby|xpath_table)\b`;
/**
 * A name directly between two single quotes is not a call, even if a quote belongs to another literal: a call has a
 * parenthesis after the name, or a dot before it. Any other occurrence is rejected, also in literals and comments.
 */
const CALL = new RegExp(`(?<!')${LEAVES_ROLE}|${LEAVES_ROLE}(?!')`, 'i');
/** Identifiers with escapes, in which these names could be hidden. */
const ESCAPED_IDENTIFIER = /\bu&\s*"/i;

/** @throws {SqlError} the statement may call a function that a reader must not call, or has an identifier with escapes */
export function requireHarmless(sql: string): void {
  const found = CALL.exec(sql) ?? ESCAPED_IDENTIFIER.exec(sql);
  if (found === null) return;
  throw new SqlError(
    `${found[0]} is not allowed here; use psql with a user of your own`,
    '42501',
    found.index + 1,
  );
}
