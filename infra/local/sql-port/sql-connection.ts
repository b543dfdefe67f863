import type { Socket } from 'node:net';
import { readFrames } from './sql-frames.ts';
import { cString, errorResponse, frame, int32, ProtocolError, typeOf } from './sql-messages.ts';
import { INCOMPLETE_MESSAGE } from './sql-refusals.ts';
import type { SqlSession } from './sql-session.ts';
import { readStartupPacket } from './sql-startup.ts';

interface Connection {
  socket: Socket;
  session: SqlSession;
  /** The server settings that are reported to the client at startup. */
  settings: ReadonlyMap<string, string>;
  /** The process id of the server that is reported to the client. */
  processId: number;
  /** Time in which a client must complete the startup, or send more bytes of a message that arrived in part. */
  silenceMs: number;
}

/**
 * Serves one client, message by message, until the client disconnects or violates the protocol. The promise never
 * rejects, because an error of one client must end only the connection of that client.
 */
export async function serveSqlConnection(connection: Connection): Promise<void> {
  const { socket } = connection;
  // The loop below handles errors only while it runs. A later error without a listener would end the process.
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
  // The whole startup must end within `silenceMs`. Later, only a pause within a message is limited to `silenceMs`. A
  // client that is idle between messages stays connected.
  const untilStarted = setTimeout(closeSilent, silenceMs);
  socket.once('close', () => clearTimeout(untilStarted));
  socket.setTimeout(silenceMs, () => {
    if (isIncomplete) closeSilent();
  });
  // The socket stays open after the loop, because an error may still have to be sent.
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
      // Encryption is not supported on loopback. The client continues without it or disconnects.
      await send(socket, Buffer.from('N'));
    }
  }
}

/** Returns the messages that accept a client without a password, report the settings and say that we are ready. */
function greeting(settings: ReadonlyMap<string, string>, processId: number): Uint8Array {
  return Buffer.concat([
    frame('R', int32(0)),
    ...Array.from(settings, ([name, value]) => frame('S', cString(name), cString(value))),
    // BackendKeyData. The key is 0, because cancel requests are ignored. The timeout ends a long statement instead.
    frame('K', int32(processId), int32(0)),
    frame('Z', Buffer.from('I')),
  ]);
}

/** Waits until the operating system has accepted the bytes, so a client that does not read cannot fill our memory. */
function send(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (bytes.length === 0) return Promise.resolve();
  return new Promise((sent) => {
    socket.write(bytes, () => sent());
  });
}
