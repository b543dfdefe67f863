import { SetupError } from '../common/errors.ts';

/** Error codes of a full disk (ENOSPC), of a disk quota that is used up (EDQUOT), and of PostgreSQL's disk_full. */
const FULL = new Set<unknown>(['ENOSPC', 'EDQUOT', '53100']);
const SQLITE_FULL = 13;

/** Returns whether an error or one of its causes says that no space is left on a disk. */
export function isFullDisk(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && FULL.has(error.code)) return true;
  return ('errcode' in error && error.errcode === SQLITE_FULL) || isFullDisk(error.cause);
}

export function fullDiskText(path: string): string {
  return `no space left on ${path}; free some space; no data is lost`;
}

/**
 * Returns an error for the operator. If the disk is full, its message says so. Otherwise its message is `message`.
 *
 * @param path the file or directory to which a write failed
 */
export function diskError(path: string, cause: unknown, message: string): SetupError {
  return new SetupError(isFullDisk(cause) ? fullDiskText(path) : message, { cause });
}
