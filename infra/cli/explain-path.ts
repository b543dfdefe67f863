import { existsSync } from 'node:fs';
import { type Outcome, sharedPathOf } from './run-command.ts';

const ADVICE =
  'the process of the service reads and writes the files of this command, and under systemd it can have its own /tmp and no /home: use a directory that both processes can use';

/**
 * Explains an outcome that can be due to different views of the file system: that of the local cloud, which has run the
 * command, and that of this process.
 *
 * @param commandLine the command line that the local cloud received
 * @returns a failure if the command has succeeded but this process does not see the file that it wrote
 */
export async function explainPath(outcome: Outcome, commandLine: readonly string[]): Promise<Outcome> {
  const shared = await sharedPathOf(commandLine);
  if (shared === undefined) return outcome;
  const { path, isWritten } = shared;
  if (outcome.exitCode !== 0) {
    return outcome.error?.includes(path) ? { ...outcome, error: `${outcome.error}; ${ADVICE}` } : outcome;
  }
  if (!isWritten || existsSync(path)) return outcome;
  return { exitCode: 1, error: `the command has succeeded, but ${path} does not exist here; ${ADVICE}` };
}
