import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { CommandDeps } from '../cli/command.ts';
import { type OperatorMessage, withShortPath } from '../cli/operator-protocol.ts';
import { DONE, type Outcome, outcomeOf, prepareCommand, stoppedText } from '../cli/run-command.ts';

export interface OperatorSocketOptions {
  /**
   * Path of the socket. The directory must belong to this process only, because a file that already exists at this path
   * is removed.
   */
  path: string;
  /**
   * The dependencies of a command. `print`, `write`, `progress` and `signal` are missing, because each connection
   * creates its own.
   */
  deps: Omit<CommandDeps, 'print' | 'write' | 'progress' | 'signal'>;
}

/**
 * Accepts the operator's commands while this process holds the embedded database, which no other process can open. It
 * listens on a Unix socket that only the user who started the process can open. Web pages cannot connect to such a
 * socket.
 */
export async function openOperatorSocket({
  path,
  deps,
}: OperatorSocketOptions): Promise<{ close(): Promise<void> }> {
  const cancellable = new Set<Promise<Outcome>>();
  const server = createServer((request, response) => {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    answer(request, response, { deps, cancellable }).catch((error: unknown) => {
      console.error(error);
      end(response, { exitCode: 1, error: 'internal error; see the terminal of the local cloud' });
    });
  });
  try {
    await rm(path, { force: true });
    await withShortPath(path, (short) => listen(server, short));
    await chmod(path, 0o600);
  } catch (error) {
    // Some file systems do not support sockets. The process continues, because only the operator's commands need the
    // socket.
    console.error(
      `cognito-sync-backend: commands are not accepted while this process runs: ${String(error)}; use a DATA_DIR on a file system that supports sockets`,
    );
  }
  return {
    async close() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      // Closing the connections has cancelled the commands in `cancellable`. They still use the database until they
      // have ended, so wait for them.
      await Promise.allSettled(cancellable);
      await rm(path, { force: true });
    },
  };
}

function listen(server: ReturnType<typeof createServer>, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { deps, cancellable }: { deps: OperatorSocketOptions['deps']; cancellable: Set<Promise<Outcome>> },
): Promise<void> {
  const commandLine =
    request.method === 'POST' && request.url === '/commands' ? await readCommandLine(request) : null;
  if (commandLine === null) {
    response.writeHead(400).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  // The headers tell the client that the command was accepted, even if the command prints its first line much later.
  response.flushHeaders();
  const isCancellable = (await stoppedText(commandLine)) !== undefined;
  const outcome = run(commandLine, {
    ...deps,
    print: (line) => writeMessage(response, { print: line }),
    write: (text) => writeSlowly(response, { write: text }),
    progress: (progress) => writeMessage(response, { progress }),
    // Commands that cannot be cancelled run to completion even if the client disconnects.
    signal: isCancellable ? disconnectSignal(response) : NEVER,
  });
  if (isCancellable) cancellable.add(outcome);
  try {
    end(response, await outcome);
  } finally {
    cancellable.delete(outcome);
  }
}

function run(commandLine: readonly string[], deps: CommandDeps): Promise<Outcome> {
  return outcomeOf(async () => {
    const work = await prepareCommand(commandLine);
    await work(deps);
    return DONE;
  });
}

const NEVER = new AbortController().signal;

/** Returns a signal that is aborted when the client disconnects. */
function disconnectSignal(response: ServerResponse): AbortSignal {
  const disconnected = new AbortController();
  response.once('close', () => disconnected.abort());
  // The client may have disconnected while the command was being loaded.
  if (response.destroyed) disconnected.abort();
  return disconnected.signal;
}

async function readCommandLine(request: IncomingMessage): Promise<string[] | null> {
  try {
    const body: unknown = JSON.parse(await text(request));
    return Array.isArray(body) && body.every((part) => typeof part === 'string') ? body : null;
  } catch {
    return null;
  }
}

function writeMessage(response: ServerResponse, message: OperatorMessage): boolean {
  return response.write(`${JSON.stringify(message)}\n`);
}

/** Resolves when the client has taken the message, or has disconnected. */
async function writeSlowly(response: ServerResponse, message: OperatorMessage): Promise<void> {
  if (writeMessage(response, message) || response.closed) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

function end(response: ServerResponse, message: OperatorMessage): void {
  response.end(`${JSON.stringify(message)}\n`);
}
