import { chmod, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import type { CommandDeps } from '../cli/command.ts';
import { DONE, type Outcome, outcomeOf, prepareCommand, stoppedText } from '../cli/run-command.ts';
import { type OperatorMessage, withShortPath } from '../cli/socket.ts';

export interface OperatorSocketOptions {
  /** Where the socket is made. Nobody else may use the directory: what a killed process left there is removed. */
  path: string;
  /** What a command works with, but for who is told. */
  deps: Omit<CommandDeps, 'print' | 'progress' | 'signal'>;
}

/**
 * Takes the operator's commands while this process has the embedded database. A socket in the file system, because it
 * belongs to the user who started the process, and no web page can reach it.
 */
export async function openOperatorSocket({
  path,
  deps,
}: OperatorSocketOptions): Promise<{ close(): Promise<void> }> {
  const underWay = new Set<Promise<Outcome>>();
  const server = createServer((request, response) => {
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    answer(request, response, { deps, underWay }).catch((error: unknown) => {
      console.error(error);
      end(response, { exitCode: 1, error: 'internal error; the terminal of `npm start` says more' });
    });
  });
  try {
    await rm(path, { force: true });
    await withShortPath(path, (short) => listen(server, short));
    await chmod(path, 0o600);
  } catch (error) {
    // Some file systems hold no sockets, and everything else works without.
    console.error(`cognito-sync-backend: no commands are taken while this runs: ${String(error)}`);
  }
  return {
    async close() {
      if (!server.listening) return;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
      // They end now that nobody listens, and work on the database until then.
      await Promise.allSettled(underWay);
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
  { deps, underWay }: { deps: OperatorSocketOptions['deps']; underWay: Set<Promise<Outcome>> },
): Promise<void> {
  const commandLine =
    request.method === 'POST' && request.url === '/commands' ? await readCommandLine(request) : null;
  if (commandLine === null) {
    response.writeHead(400).end();
    return;
  }
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  // Who asked knows from now on that the command was taken, however long its first line takes.
  response.flushHeaders();
  const endsWithAsker = stoppedText(commandLine) !== undefined;
  const outcome = run(commandLine, {
    ...deps,
    print: (line) => say(response, { print: line }),
    progress: (progress) => say(response, { progress }),
    // Who goes away does not take another command back.
    signal: endsWithAsker ? goneSignal(response) : NEVER,
  });
  if (endsWithAsker) underWay.add(outcome);
  try {
    end(response, await outcome);
  } finally {
    underWay.delete(outcome);
  }
}

function run(commandLine: readonly string[], deps: CommandDeps): Promise<Outcome> {
  return outcomeOf(async () => {
    await prepareCommand(commandLine)(deps);
    return DONE;
  });
}

const NEVER = new AbortController().signal;

/** Aborted once nobody waits for the answer any more. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
}

async function readCommandLine(request: IncomingMessage): Promise<string[] | null> {
  try {
    const body: unknown = JSON.parse(await text(request));
    return Array.isArray(body) && body.every((part) => typeof part === 'string') ? body : null;
  } catch {
    return null;
  }
}

function say(response: ServerResponse, message: OperatorMessage): void {
  response.write(`${JSON.stringify(message)}\n`);
}

function end(response: ServerResponse, message: OperatorMessage): void {
  response.end(`${JSON.stringify(message)}\n`);
}
