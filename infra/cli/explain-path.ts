import { existsSync } from 'node:fs';
import { type Outcome, pathOf } from './run-command.ts';

const ADVICE =
  'the process of `npm start` reads and writes the files of this command, and under systemd it can have its own /tmp and no /home: use a directory that both processes can use';

/**
 * Explains an outcome that can be due to different views of the file system: that of the local cloud, which has run the
 * command, and that of this process.
 *
 * @param commandLine the command line that the local cloud received
 * @returns a failure if the command has succeeded but this process does not see its file
 */
export async function explainPath(outcome: Outcome, commandLine: readonly string[]): Promise<Outcome> {
  const path = await pathOf(commandLine);
  if (path === undefined) return outcome;
  if (outcome.exitCode !== 0) {
    return outcome.error?.includes(path) ? { ...outcome, error: `${outcome.error}; ${ADVICE}` } : outcome;
  }
  if (existsSync(path)) return outcome;
  return { exitCode: 1, error: `the command has succeeded, but ${path} does not exist here; ${ADVICE}` };
}
