import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { SetupError } from '../../../../lib/common/errors.ts';
import { type FileLock, lockFile } from '../../../../lib/database/file-lock.ts';

/**
 * Opens the output of an export, and locks it until it is closed, so that no second export writes to the same path. The
 * lock is the file `<path>.lock`. A process that was killed leaves this file behind, but not the lock.
 *
 * @throws {SetupError} another export is writing to the path
 */
export async function openLocked<Output extends { close(): Promise<void> }>(
  path: string,
  open: () => Promise<Output>,
): Promise<Output> {
  const release = takeLock(`${resolve(path)}.lock`);
  if (release === null) {
    throw new SetupError(
      `another backup or export to ${path} is running; wait until it has ended, or choose another path with --out`,
    );
  }
  try {
    const output = await open();
    return { ...output, close: () => output.close().finally(release) };
  } catch (error) {
    release();
    throw error;
  }
}

/** @returns a function that releases the lock; null if another export has the lock */
function takeLock(path: string): (() => void) | null {
  for (;;) {
    let lock: FileLock | null;
    try {
      lock = lockFile(path);
    } catch {
      // Some network file systems have no locks: the export then runs without one. If the directory is missing or
      // cannot be written to, opening the output fails and says so.
      return () => undefined;
    }
    if (lock === null) return null;
    if (lock.isValid()) return () => removeAndRelease(lock, path);
    // The process that had the lock has removed the file in the meantime.
    lock.release();
  }
}

/** Removes the file before releasing the lock, so that a process that has opened the file notices the removal. */
function removeAndRelease(lock: FileLock, path: string): void {
  if (lock.isValid()) rmSync(path, { force: true });
  lock.release();
}
