import type pg from 'pg';

/** Connections through a connection pooler. */
const throughPooler = new WeakSet<pg.ClientBase>();

/**
 * Prepares a new connection. On a direct connection, sets the timeout of all its statements; as a startup parameter,
 * PgBouncer rejects it. Otherwise, remembers that a pooler such as PgBouncer is in between.
 *
 * A pooler announces a process id of its own to each client, because the client does not keep one server process. With
 * transaction pooling, each transaction can run on another server connection. Settings, named prepared statements and
 * other state of a session then get lost and reach other clients. Session pooling looks the same from here, so
 * connections through a pooler never use such state.
 */
export async function prepareConnection(client: pg.ClientBase, statementTimeoutMs: number): Promise<void> {
  // Source: PostgreSQL manual, "Message Formats", BackendKeyData. Types of pg do not have it.
  const processId = 'processID' in client ? client.processID : null;
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  // A role may lack the right to call set_config, but not to use SET.
  if (rows[0]?.pid === processId) await client.query(`SET statement_timeout = ${statementTimeoutMs}`);
  else throughPooler.add(client);
}

/** Whether a connection that was prepared goes through a pooler. */
export function isThroughPooler(client: pg.ClientBase): boolean {
  return throughPooler.has(client);
}
