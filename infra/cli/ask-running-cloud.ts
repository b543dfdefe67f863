import { type IncomingMessage, request } from 'node:http';
import { SetupError } from '../../lib/common/errors.ts';
import type { CommandDeps } from './command.ts';
import { type Outcome, stoppedText } from './run-command.ts';
import { type OperatorMessage, withShortPath } from './socket.ts';

/** No socket, or one that a killed process left behind. */
const NOBODY = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);

/**
 * Hands a command line to the local cloud that listens on the socket at `path`, and passes on what it says. Where the
 * signal is aborted it goes away, by which the cloud ends the commands that are to end by that.
 *
 * @returns how the command ended, or null where nobody listens
 * @throws {SetupError} the socket may not be used, or the cloud stopped before the command had ended
 */
export async function askRunningCloud(
  path: string,
  commandLine: readonly string[],
  { print, progress, signal }: Pick<CommandDeps, 'print' | 'progress' | 'signal'>,
): Promise<Outcome | null> {
  const response = await withShortPath(path, (socketPath) => post(socketPath, JSON.stringify(commandLine)));
  if (response === null) return null;
  const goAway = () => response.destroy();
  signal.addEventListener('abort', goAway, { once: true });
  if (signal.aborted) goAway();
  for await (const message of messagesOf(response)) {
    if ('print' in message) print(message.print);
    else if ('progress' in message) progress(message.progress);
    else {
      signal.removeEventListener('abort', goAway);
      return message;
    }
  }
  if (signal.aborted) return { exitCode: 1, error: stoppedText(commandLine) ?? 'stopped' };
  throw new SetupError('the local cloud stopped before the command had ended');
}

async function post(socketPath: string, body: string): Promise<IncomingMessage | null> {
  try {
    return await new Promise((resolve, reject) => {
      request({ socketPath, method: 'POST', path: '/commands' }, resolve).on('error', reject).end(body);
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    if (NOBODY.has(code)) return null;
    throw new SetupError(`the local cloud that runs there does not take commands (${code})`);
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
    // A connection that ends early: who reads misses the last message.
  }
}
