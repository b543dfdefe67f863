import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { EmbeddedDatabase } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { serveSqlConnection } from './sql-connection.ts';
import { errorResponse } from './sql-messages.ts';
import { createSqlSession } from './sql-session.ts';
import { readReportedSettings } from './sql-startup.ts';

export interface SqlPortOptions {
  host: string;
  /** 0 for any free one. */
  port: number;
  database: Pick<EmbeddedDatabase, 'query' | 'readOnly'>;
}

export interface SqlPort {
  port: number;
  /** Frees the port and ends all connections; statements that run are not waited for. */
  close(): Promise<void>;
}

/** As many as a PostgreSQL server takes by default. */
const MAX_CONNECTIONS = 100;

const STOPPING = errorResponse({
  severity: 'FATAL',
  code: '57P01',
  message: 'terminating connection: the service stops',
});

/**
 * Opens the embedded database to `psql` and other clients of PostgreSQL, to read: every statement runs alone, as
 * the reader role, in a read-only transaction that is taken back. There is no password.
 * @throws what Node throws where the port cannot be had, with `code` EADDRINUSE where it is taken
 * @throws {DatabaseError} the database did not tell its settings
 */
export async function startSqlPort({ host, port, database }: SqlPortOptions): Promise<SqlPort> {
  const settings = await readReportedSettings(database);
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    connections += 1;
    const session = createSqlSession((messages) => database.readOnly(messages));
    void serveSqlConnection({ socket, session, settings, processId: connections });
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.listen(port, host);
  await once(server, 'listening');
  // A connection that could not be accepted (no file descriptor left) is the client's loss alone.
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
