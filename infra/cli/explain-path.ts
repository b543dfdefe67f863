import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { SharedPath } from './command.ts';
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
    const isOther = outcome.error?.includes(path) && mayDiffer(shared);
    return isOther ? { ...outcome, error: `${outcome.error}; ${ADVICE}` } : outcome;
  }
  if (!isWritten || existsSync(path)) return outcome;
  return { exitCode: 1, error: `the command has succeeded, but ${path} does not exist here; ${ADVICE}` };
}

/**
 * Returns whether the service may see another directory at the path. If this process sees the file or its partial file
 * too, it sees the same directory. If it does not see the directory either, the directory is missing.
 */
function mayDiffer({ path, isWritten }: SharedPath): boolean {
  if (!isWritten) return existsSync(path);
  return existsSync(dirname(path)) && !existsSync(path) && !existsSync(`${path}.partial`);
}
