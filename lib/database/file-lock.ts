import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export interface FileLock {
  /** Returns whether the lock still excludes other processes: the lock file was neither removed nor replaced. */
  isValid(): boolean;
  release(): void;
}

/**
 * Locks a file, which is created if it does not exist. The operating system releases the lock when the process ends,
 * even after a crash. Node has no function for such a file lock, but it contains SQLite: the file is a SQLite database.
 *
 * @returns null if another process, or another part of this process, has locked the file
 * @throws the error of the system or of SQLite, if the file cannot be locked
 */
export function lockFile(path: string): FileLock | null {
  const lock = open(path);
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (isLocked(error)) return null;
    throw error;
  }
  const inode = inodeOf(path);
  return { isValid: () => inodeOf(path) === inode, release: () => lock.close() };
}

function open(path: string): DatabaseSync {
  // SQLite would create a file that everyone can read, so a missing file is created here. An existing file is not
  // opened here: closing it would release a lock that this process already holds.
  if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
  return new DatabaseSync(path, { timeout: 0 });
}

function isLocked(error: unknown): boolean {
  const SQLITE_BUSY = 5;
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

/** @returns undefined if the file does not exist */
function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
