import { SetupError } from '../common/errors.ts';

/** The system's codes for a full disk and for a used-up quota, and PostgreSQL's disk_full. */
const FULL = new Set<unknown>(['ENOSPC', 'EDQUOT', '53100']);
const SQLITE_FULL = 13;

/** Whether an error, or one that caused it, says that no space is left on a disk. */
export function isFullDisk(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && FULL.has(error.code)) return true;
  return ('errcode' in error && error.errcode === SQLITE_FULL) || isFullDisk(error.cause);
}

export function fullDiskText(path: string): string {
  return `no space left on ${path}; free some space, no data is lost`;
}

/**
 * Returns the error for the operator if the disk of `path` is full; otherwise one with this message.
 *
 * @param path file or directory that was written to
 */
export function diskError(path: string, cause: unknown, message: string): SetupError {
  return new SetupError(isFullDisk(cause) ? fullDiskText(path) : message, { cause });
}
