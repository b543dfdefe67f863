import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Progress } from './command.ts';
import type { Outcome } from './run-command.ts';

/**
 * One line of the local cloud's response to `POST /commands`. The request body is a JSON array of the command's name
 * and arguments. The response is JSON Lines: lines to print, text to write, progress reports, and finally the outcome.
 */
export type OperatorMessage = { print: string } | { write: string } | { progress: Progress } | Outcome;

/**
 * Maximum length of a socket's path. macOS limits the path to 104 bytes and Linux to 108, including the terminating
 * NUL.
 */
const MAX_PATH_BYTES = 103;

/**
 * Calls `use` with a path that is short enough for a socket. This is `path` itself or, if `path` is too long, a path
 * through a symbolic link. The link is in a temporary directory, which is removed when `use` has ended.
 */
export async function withShortPath<Result>(
  path: string,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  if (Buffer.byteLength(path) <= MAX_PATH_BYTES) return use(path);
  const directory = await mkdtemp(join(tmpdir(), 'operator-'));
  try {
    const link = join(directory, 'data');
    await symlink(dirname(path), link);
    return await use(join(link, basename(path)));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
