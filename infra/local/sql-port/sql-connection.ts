import type { Socket } from 'node:net';
import { readFrames } from './sql-frames.ts';
import { cString, errorResponse, frame, int32, ProtocolError, typeOf } from './sql-messages.ts';
import { INCOMPLETE_MESSAGE } from './sql-refusals.ts';
import type { SqlSession } from './sql-session.ts';
import { readStartupPacket } from './sql-startup.ts';

interface Connection {
  socket: Socket;
  session: SqlSession;
  /** The server settings that the port reports to the client at startup. */
  settings: ReadonlyMap<string, string>;
  /** The server's process id that the port reports to the client at startup. */
  processId: number;
  /** Time limit for the whole startup, and for each pause within a message that has arrived only in part. */
  silenceMs: number;
}

/**
 * Serves one client, message by message, until the client disconnects or violates the protocol. The promise never
 * rejects, because an error of one client must end only the connection of that client.
 */
export async function serveSqlConnection(connection: Connection): Promise<void> {
  const { socket } = connection;
  // While the loop in `serveMessages` runs, it handles the errors of the socket. An error after the loop would end the
  // process if there were no listener.
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

async function serveMessages({ socket, session, settings, processId, silenceMs }: Connection): Promise<void> {
  let hasStarted = false;
  let isIncomplete = false;
  const closeSilent = () => {
    socket.write(INCOMPLETE_MESSAGE);
    socket.destroy();
  };
  // Until the startup is complete, `silenceMs` limits the whole startup. Later, it limits only a pause within a
  // message. A client that is idle between messages stays connected.
  const untilStarted = setTimeout(closeSilent, silenceMs);
  socket.once('close', () => clearTimeout(untilStarted));
  socket.setTimeout(silenceMs, () => {
    if (isIncomplete) closeSilent();
  });
  // `destroyOnReturn: false` keeps the socket open when the loop ends, because an error may still have to be sent.
  const chunks = socket.iterator({ destroyOnReturn: false });
  const onIncomplete = (isWaiting: boolean) => {
    isIncomplete = isWaiting;
  };
  for await (const message of readFrames(chunks, () => hasStarted, onIncomplete)) {
    if (hasStarted) {
      if (typeOf(message) === 'X') return;
      await send(socket, await session.handle(message));
      continue;
    }
    const startup = readStartupPacket(message);
    if (startup.kind === 'cancel') return;
    if (startup.kind === 'start') {
      hasStarted = true;
      clearTimeout(untilStarted);
      await send(socket, Buffer.concat([startup.reply, greeting(settings, processId)]));
    } else {
      // `N` rejects encryption, which this port on loopback does not support. The client then continues without
      // encryption or disconnects.
      await send(socket, Buffer.from('N'));
    }
  }
}

/**
 * Returns the messages that complete the startup: they accept the client without a password, report the settings, and
 * say that the server is ready.
 */
function greeting(settings: ReadonlyMap<string, string>, processId: number): Uint8Array {
  return Buffer.concat([
    frame('R', int32(0)),
    ...Array.from(settings, ([name, value]) => frame('S', cString(name), cString(value))),
    // BackendKeyData: the process id, and the key for cancel requests. The key is 0, because the port ignores cancel
    // requests. Instead, the statement timeout ends a long statement.
    frame('K', int32(processId), int32(0)),
    frame('Z', Buffer.from('I')),
  ]);
}

/**
 * Sends bytes and waits until the operating system has accepted them. A client that reads nothing therefore cannot fill
 * our memory.
 */
function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) return Promise.resolve();
  return new Promise((sent) => {
    socket.write(bytes, () => sent());
  });
}
