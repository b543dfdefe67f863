import type { Socket } from 'node:net';
import { readFrames } from './sql-frames.ts';
import { cString, errorResponse, frame, int32, ProtocolError, typeOf } from './sql-messages.ts';
import type { SqlSession } from './sql-session.ts';
import { readStartupPacket } from './sql-startup.ts';

interface Connection {
  socket: Socket;
  session: SqlSession;
  /** Told to the client at start-up. */
  settings: ReadonlyMap<string, string>;
  /** What the client takes for the server's process. */
  processId: number;
}

/**
 * Serves one client until it leaves or breaks the protocol, one message after the other. Never rejects: whatever
 * a client does ends at most its own connection.
 */
export async function serveSqlConnection(connection: Connection): Promise<void> {
  const { socket } = connection;
  // The loop below sees errors while it runs; one after it that nobody listens for would end the process.
  socket.on('error', () => {});
  socket.setNoDelay(true);
  try {
    await serveMessages(connection);
  } catch (error) {
    if (error instanceof ProtocolError) {
      await send(socket, errorResponse({ severity: 'FATAL', code: '08P01', message: error.message }));
    }
  } finally {
    socket.destroy();
  }
}

async function serveMessages({ socket, session, settings, processId }: Connection): Promise<void> {
  let hasStarted = false;
  // Not destroyed at the end of the loop, because there may be something to say yet.
  const chunks = socket.iterator({ destroyOnReturn: false });
  for await (const message of readFrames(chunks, () => hasStarted)) {
    if (hasStarted) {
      if (typeOf(message) === 'X') return;
      await send(socket, await session.handle(message));
      continue;
    }
    const startup = readStartupPacket(message);
    if (startup.kind === 'cancel') return;
    if (startup.kind === 'start') {
      hasStarted = true;
      await send(socket, Buffer.concat([startup.reply, greeting(settings, processId)]));
    } else {
      // No encryption on loopback: the client goes on without, or leaves.
      await send(socket, Buffer.from('N'));
    }
  }
}

/** Everybody on loopback is let in; then what the client is to know, and that it may begin. */
function greeting(settings: ReadonlyMap<string, string>, processId: number): Uint8Array {
  return Buffer.concat([
    frame('R', int32(0)),
    ...Array.from(settings, ([name, value]) => frame('S', cString(name), cString(value))),
    // BackendKeyData. The key opens nothing: a request to cancel is not answered, the time-out ends a statement.
    frame('K', int32(processId), int32(0)),
    frame('Z', Buffer.from('I')),
  ]);
}

/** Waits until the system has taken the bytes, so that a client that does not read gets no more from us to hold. */
function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) return Promise.resolve();
  return new Promise((sent) => {
    socket.write(bytes, () => sent());
  });
}
