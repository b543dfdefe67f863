import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Progress } from './command.ts';
import type { Outcome } from './run-command.ts';

/**
 * What a running local cloud answers to `POST /commands` with a command line (a JSON array, name first): lines of JSON,
 * those to print, how far it has come, and at last how it ended.
 */
export type OperatorMessage = { print: string } | { progress: Progress } | Outcome;

/** The system keeps 104 bytes for the path of a socket on macOS and 108 on Linux, one of them for its end. */
const MAX_PATH_BYTES = 103;

/**
 * Gives `use` a path that is short enough for a socket: the path itself, or one through a link in a directory of our
 * own that is there until `use` has ended.
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
