import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Retention of failure objects. The bucket of the deployed stack has the same retention. */
const KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/**
 * Deletes failure objects that are older than 90 days, as a bucket's lifecycle rule would. Symbolic links are ignored.
 * @param directory the failure directory of the local event source mapping; it need not exist
 * @param now epoch milliseconds
 * @returns the number of deleted objects
 */
export async function sweepFailureObjects(directory: string, now: number): Promise<number> {
  let removed = 0;
  for (const entry of await listAll(directory)) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || (await stat(path)).mtimeMs >= now - KEPT_MS) continue;
    await rm(path, { force: true });
    removed += 1;
  }
  return removed;
}

async function listAll(directory: string) {
  try {
    return await readdir(directory, { recursive: true, withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
