import type pg from 'pg';

/** The connections that go through a connection pooler. */
const throughPooler = new WeakSet<pg.ClientBase>();

/**
 * Prepares a new connection. On a direct connection, sets the timeout of all statements of the connection. Uses SET for
 * this, because PgBouncer rejects a startup parameter. If the connection goes through a pooler such as PgBouncer, only
 * stores that fact.
 *
 * A pooler is recognized by the process id that it announces. The pooler cannot announce the id of a server process,
 * because its clients have no fixed server process. With transaction pooling, each transaction can run on a different
 * server connection. Session state, such as settings and named prepared statements, would then be lost, and would
 * affect other clients. Session pooling cannot be distinguished from transaction pooling here. So no connection through
 * a pooler uses session state.
 */
export async function prepareConnection(client: pg.ClientBase, statementTimeoutMs: number): Promise<void> {
  // The server announces its process id in BackendKeyData. The types of pg do not have the member. Source: PostgreSQL
  // manual, "Message Formats".
  const processId = 'processID' in client ? client.processID : null;
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  // SET needs no privilege. The privilege to call set_config can be revoked.
  if (rows[0]?.pid === processId) await client.query(`SET statement_timeout = ${statementTimeoutMs}`);
  else throughPooler.add(client);
}

/** Returns whether a prepared connection goes through a connection pooler. */
export function isThroughPooler(client: pg.ClientBase): boolean {
  return throughPooler.has(client);
}
