import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { EmbeddedDatabase } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { serveSqlConnection } from './sql-connection.ts';
import { errorResponse } from './sql-messages.ts';
import { createSqlSession } from './sql-session.ts';
import { readReportedSettings } from './sql-startup.ts';

export interface SqlPortOptions {
  host: string;
  /** The port to listen on; 0 for any free port. */
  port: number;
  database: Pick<EmbeddedDatabase, 'query' | 'readOnly'>;
  /**
   * A connection is closed if its startup takes longer than this time, or if the client pauses for this time within a
   * message. A client that is idle between messages stays connected.
   */
  silenceMs?: number;
}

export interface SqlPort {
  port: number;
  /** Releases the port and ends all connections without waiting for running statements. */
  close(): Promise<void>;
}

/** Maximum connections. It is the default limit of a PostgreSQL server. */
const MAX_CONNECTIONS = 100;

const STOPPING = errorResponse({
  severity: 'FATAL',
  code: '57P01',
  message: 'terminating connection: the service is stopping',
});

/**
 * Opens a port on which `psql` and other PostgreSQL clients can read the embedded database. Every statement runs in its
 * own read-only transaction as the reader role, and the transaction is rolled back. There is no password.
 * @throws an error of Node if the port cannot be opened, for example with `code` EADDRINUSE if it is taken
 * @throws {DatabaseError} the settings of the database could not be read
 */
export async function startSqlPort({
  host,
  port,
  database,
  silenceMs = 10_000,
}: SqlPortOptions): Promise<SqlPort> {
  const settings = await readReportedSettings(database);
  const processId = await readProcessId(database);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    const session = createSqlSession((messages) => database.readOnly(messages));
    void serveSqlConnection({ socket, session, settings, processId, silenceMs });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  await once(server, 'listening');
  // If the server cannot accept a connection, for example because no file descriptor is free, only that client is
  // affected. Without a listener, the error would end the process.
  server.on('error', () => {});
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) {
        socket.write(STOPPING);
        socket.destroy();
      }
      await closed;
    },
  };
}

/**
 * Reads the process id of the one database session behind the port. Each connection reports this id at startup, as a
 * PostgreSQL server does. If the reported id differed from the result of `pg_backend_pid()`, a client would conclude
 * that a connection pooler is in between.
 */
async function readProcessId(database: Pick<EmbeddedDatabase, 'query'>): Promise<number> {
  const { rows } = await database.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid ?? 0;
}
