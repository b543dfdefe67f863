import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../common/errors.ts';
import { type FileLock, lockFile } from './file-lock.ts';
import { diskError } from './full-disk.ts';

/** Another process has locked the directory. */
export class DirectoryInUseError extends SetupError {}

const REMEDY = 'stop that process, or set DATA_DIR to another directory';

/**
 * Locks a directory for this process with the file `lock` in the directory. The operating system releases the lock when
 * the process ends, even after a crash.
 *
 * @throws {DirectoryInUseError} another process has locked the directory; or the lock file was removed, and the process
 *   that had the lock may still be running
 * @throws {SetupError} the directory cannot be written to
 */
export async function lockDirectory(directory: string): Promise<FileLock> {
  const path = join(directory, 'lock');
  const holderFile = join(directory, 'holder.json');
  const fail = (error: unknown, what: string) =>
    diskError(
      directory,
      error,
      `cannot ${what} DATA_DIR "${directory}": ${reasonOf(error)}; use another directory`,
    );
  if (!existsSync(path)) requireNoHolder(directory, await readHolder(holderFile));
  let lock: FileLock | null;
  try {
    lock = lockFile(path);
  } catch (error) {
    throw fail(error, 'write to');
  }
  if (lock === null) {
    const holder = describe(await readHolder(holderFile));
    throw new DirectoryInUseError(`DATA_DIR "${directory}" is in use by ${holder}; ${REMEDY}`);
  }
  try {
    const holder: Holder = { pid: process.pid, since: new Date().toISOString() };
    await writeFile(holderFile, JSON.stringify(holder), { mode: 0o600 });
  } catch (error) {
    lock.release();
    throw fail(error, 'lock');
  }
  return lock;
}

/** The process that locked the directory last. */
interface Holder {
  pid: number;
  since: string;
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function describe(holder: Holder | undefined): string {
  return holder ? `process ${holder.pid}, started ${holder.since}` : 'another process';
}

/**
 * @throws {DirectoryInUseError} the process that locked the directory last is still running, or its id is in use again
 */
function requireNoHolder(directory: string, holder: Holder | undefined): void {
  if (holder === undefined || holder.pid === process.pid || !isRunning(holder.pid)) return;
  throw new DirectoryInUseError(
    `the file "lock" of DATA_DIR "${directory}" was removed, but the directory may be in use by ${describe(holder)}; ${REMEDY}. If that process is another program, delete the file "holder.json" in DATA_DIR`,
  );
}

function isRunning(pid: number): boolean {
  try {
    // Signal 0 only checks whether the process exists.
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

export function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code !== 'ERR_SQLITE_ERROR'
    ? String(error.code)
    : String(error);
}
