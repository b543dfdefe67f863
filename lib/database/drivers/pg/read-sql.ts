import { Duplex } from 'node:stream';
import pg from 'pg';
import { isObject } from '../../../common/json.ts';
import type { SqlResult } from '../../../common/sql-result.ts';
import { isTimeout } from '../../connection-error.ts';
import { DatabaseError, toDatabaseError } from '../../database.ts';
import type { Dialect } from '../../dialect.ts';
import {
  declareCursor,
  fetchFromCursor,
  positionInStatement,
  requireHarmless,
  SqlError,
  type SqlLimits,
  selectFrom,
  tooLarge,
} from '../../read-sql.ts';
import { READER_ROLE } from '../../schema/roles.ts';
import { setTimeouts } from './prepare-connection.ts';
import { type ConnectionSource, withClient } from './run-on-pool.ts';
import { typeName } from './type-name.ts';

/** Keeps the text that the server sent. */
const AS_TEXT = { getTypeParser: () => (value: string) => value };

/**
 * Runs a reader's statement; see `SqlReader.readSql`. Closes the connection afterwards: a statement can change session
 * state that ROLLBACK does not undo, such as the seed of random numbers or advisory locks.
 */
export function readSqlOnPool(
  source: ConnectionSource,
  sql: string,
  limits: SqlLimits & { dialect: Dialect | undefined },
): Promise<SqlResult> {
  requireHarmless(sql);
  return withClient(source, async (client, abandon) => {
    abandon();
    const guard = limitBytes(client, limits.maxBytes);
    try {
      await begin(client, limits);
      return limits.dialect === 'dsql'
        ? await readDirectly(client, sql, limits)
        : await readCursor(client, sql, limits);
    } catch (error) {
      throw guard.isExceeded() ? tooLarge(limits.maxBytes) : error;
    }
  });
}

/**
 * Begins a reader's transaction. `SELECT 1` takes the snapshot, after which the transaction cannot become read-write.
 * Sets no timeouts on Aurora DSQL, because a session cannot set any there.
 */
async function begin(
  client: pg.ClientBase,
  { timeoutMs, dialect }: SqlLimits & { dialect: Dialect | undefined },
): Promise<void> {
  try {
    if (dialect === 'dsql') {
      await client.query('BEGIN READ ONLY');
      await requireReader(client);
      return;
    }
    const timeouts = setTimeouts('SET LOCAL', { statementTimeoutMs: timeoutMs, lockTimeoutMs: timeoutMs });
    await client.query(['BEGIN READ ONLY', 'SELECT 1', ...timeouts].join('; '));
  } catch (error) {
    throw toDatabaseError(error);
  }
  await client.query(`SET LOCAL ROLE ${READER_ROLE}`).catch((error: unknown) => {
    const { message, code } = toDatabaseError(error) as DatabaseError;
    const todo = `have an administrator run GRANT ${READER_ROLE} TO <the user of the service>`;
    throw new DatabaseError(`${message}; ${todo}`, code, { cause: error });
  });
}

/** Checks that the connection has the role of readers. On Aurora DSQL, each role connects with its own token. */
async function requireReader(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string }>('SELECT current_user::text AS name');
  if (rows[0]?.name === READER_ROLE) return;
  throw new DatabaseError(
    `SQL of a person must not run as ${rows[0]?.name}; connect as ${READER_ROLE}`,
    '42501',
  );
}

async function readCursor(client: pg.ClientBase, sql: string, { maxRows }: SqlLimits): Promise<SqlResult> {
  await client
    .query(inExtendedProtocol(declareCursor(sql)))
    .catch((error: unknown) => Promise.reject(toSqlError(error)));
  const result = await client
    .query<(string | null)[]>({ text: fetchFromCursor(maxRows), rowMode: 'array', types: AS_TEXT })
    .catch((error: unknown) => Promise.reject(toSqlError(error)));
  return toResult(result, maxRows);
}

/**
 * Reads without a cursor, because Aurora DSQL does not list cursors among its statements. At the timeout, pg stops
 * waiting, and the connection is closed. Source: Aurora DSQL User Guide, "Supported SQL".
 */
async function readDirectly(
  client: pg.ClientBase,
  sql: string,
  { maxRows, timeoutMs }: SqlLimits,
): Promise<SqlResult> {
  const statement = { ...inExtendedProtocol(selectFrom(sql, maxRows)), query_timeout: timeoutMs };
  const result = await client
    .query<(string | null)[]>({ ...statement, rowMode: 'array', types: AS_TEXT })
    .catch((error: unknown) => {
      const failure = toSqlError(error, false);
      throw isTimeout(failure)
        ? new SqlError(`the statement took longer than ${timeoutMs} ms`, '57014')
        : failure;
    });
  return toResult(result, maxRows);
}

/** The extended protocol accepts only one statement. The types of pg do not have `queryMode`. */
function inExtendedProtocol(text: string) {
  return { text, queryMode: 'extended' };
}

function toResult({ fields, rows }: pg.QueryArrayResult<(string | null)[]>, maxRows: number): SqlResult {
  return {
    columns: fields.map(({ name, dataTypeID }) => ({ name, type: typeName(dataTypeID) })),
    rows: rows.slice(0, maxRows),
    isTruncated: rows.length > maxRows,
  };
}

/**
 * Converts an error. An error of the server concerns the statement, except an error of class 57P, with which the server
 * ends the connection. All other errors concern the connection.
 */
function toSqlError(error: unknown, isInCursor = true): Error {
  if (!(error instanceof pg.DatabaseError) || /^57P/.test(error.code ?? '')) return toDatabaseError(error);
  const position = positionInStatement(error.position, isInCursor);
  return new SqlError(error.message, error.code ?? '', position);
}

/** Closes the connection when it has received more than `maxBytes`, because pg holds the whole result in memory. */
function limitBytes(client: pg.ClientBase, maxBytes: number): { isExceeded(): boolean } {
  const connection = 'connection' in client ? client.connection : undefined;
  const stream = isObject(connection) ? connection.stream : undefined;
  if (!(stream instanceof Duplex)) throw new Error('the driver does not reveal the stream of its connection');
  let bytes = 0;
  stream.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > maxBytes) stream.destroy();
  });
  return { isExceeded: () => bytes > maxBytes };
}
