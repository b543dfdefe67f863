import type pg from 'pg';

export interface Timeouts {
  statementTimeoutMs: number;
  /** Maximum time for which a statement waits for one lock. 0: only the statement timeout limits the wait. */
  lockTimeoutMs: number;
  /** Whether the statements can only read. */
  isReadOnly?: boolean;
}

/** The connections that go through a connection pooler. */
const throughPooler = new WeakSet<pg.ClientBase>();

/**
 * Prepares a new connection. If the connection is direct, sets the timeouts for all its statements. Uses SET instead of
 * startup parameters, because PgBouncer rejects startup parameters. If the connection goes through a pooler such as
 * PgBouncer, only stores that fact; each transaction then sets its own timeouts.
 *
 * This function recognizes a pooler by comparing two process ids: the id that was announced when the connection was
 * opened, and the id of the server process that runs a query. With a pooler, they differ: the pooler cannot announce
 * the id of a server process, because its clients have no fixed server process. With transaction pooling, each
 * transaction can run on a different server connection. Session state, such as settings and named prepared statements,
 * would then be lost, and would affect other clients. Session pooling cannot be distinguished from transaction pooling
 * here. So no connection through a pooler uses session state.
 */
export async function prepareConnection(client: pg.ClientBase, timeouts: Timeouts): Promise<void> {
  // The server announces its process id in BackendKeyData. The types of pg do not have the member. Source: PostgreSQL
  // manual, "Message Formats".
  const processId = 'processID' in client ? client.processID : null;
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  // Use SET instead of set_config: SET needs no privilege, but the privilege to call set_config can be revoked.
  if (rows[0]?.pid !== processId) throughPooler.add(client);
  // Sent one by one, because the SQL port of the embedded database accepts one statement at a time.
  else for (const statement of setTimeouts('SET', timeouts)) await client.query(statement);
}

/**
 * Maximum time for which a transaction waits for its next statement. The server then rolls it back and closes the
 * connection. A transaction of this program sends its next statement immediately, so its client no longer runs, or the
 * network is broken. Until then, the locks of the transaction stop other clients.
 */
const MAX_IDLE_IN_TRANSACTION_MS = 45_000;

/** Returns the statements that set the timeouts, and that make transactions read-only. */
export function setTimeouts(
  set: 'SET' | 'SET LOCAL',
  { statementTimeoutMs, lockTimeoutMs, isReadOnly = false }: Timeouts,
): string[] {
  const readOnly = `${set === 'SET' ? 'default_' : ''}transaction_read_only`;
  return [
    `${set} statement_timeout = ${statementTimeoutMs}`,
    `${set} lock_timeout = ${lockTimeoutMs}`,
    `${set} idle_in_transaction_session_timeout = ${Math.min(statementTimeoutMs, MAX_IDLE_IN_TRANSACTION_MS)}`,
    ...(isReadOnly ? [`${set} ${readOnly} = on`] : []),
  ];
}

/** Returns whether a prepared connection goes through a connection pooler. */
export function isThroughPooler(client: pg.ClientBase): boolean {
  return throughPooler.has(client);
}
