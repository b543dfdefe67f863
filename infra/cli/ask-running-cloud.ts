import { type IncomingMessage, request } from 'node:http';
import { SetupError } from '../../lib/common/errors.ts';
import type { CommandDeps } from './command.ts';
import { type OperatorMessage, withShortPath } from './operator-protocol.ts';
import { type Outcome, stoppedText } from './run-command.ts';

/**
 * Error codes that mean that no process listens on the socket: the socket does not exist, or a killed process left it
 * behind.
 */
const NOT_LISTENING = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);

/**
 * Sends a command line to the local cloud that listens on the socket at `path`, and relays the command's output.
 * Aborting the signal closes the connection. The cloud then stops the command, unless the command always runs to
 * completion.
 *
 * @returns the outcome of the command, or null if no process listens on the socket
 * @throws {SetupError} access to the socket is denied, or the cloud stopped before the command ended
 */
export async function askRunningCloud(
  path: string,
  commandLine: readonly string[],
  { print, write, progress, signal }: Pick<CommandDeps, 'print' | 'write' | 'progress' | 'signal'>,
): Promise<Outcome | null> {
  const response = await withShortPath(path, (socketPath) => post(socketPath, JSON.stringify(commandLine)));
  if (response === null) return null;
  const disconnect = () => response.destroy();
  signal.addEventListener('abort', disconnect, { once: true });
  if (signal.aborted) disconnect();
  for await (const message of messagesOf(response)) {
    if ('print' in message) print(message.print);
    else if ('write' in message) await write(message.write);
    else if ('progress' in message) progress(message.progress);
    else {
      signal.removeEventListener('abort', disconnect);
      return message;
    }
  }
  if (signal.aborted) return { exitCode: 1, error: (await stoppedText(commandLine)) ?? 'stopped' };
  throw new SetupError(
    'the local cloud stopped before the command ended; see the terminal of the local cloud',
  );
}

async function post(socketPath: string, body: string): Promise<IncomingMessage | null> {
  try {
    return await new Promise((resolve, reject) => {
      request({ socketPath, method: 'POST', path: '/commands' }, resolve).on('error', reject).end(body);
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (NOT_LISTENING.has(code)) return null;
    throw new SetupError(
      `the local cloud on this data directory does not accept commands (${code}); restart the local cloud`,
    );
  }
}

async function* messagesOf(response: IncomingMessage): AsyncGenerator<OperatorMessage> {
  response.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of response) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line);
    }
  } catch {
    // The connection closed early. The caller detects this, because the last message (the outcome) is missing.
  }
}
