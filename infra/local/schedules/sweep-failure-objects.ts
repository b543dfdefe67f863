import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** As long as the stack's bucket keeps them. */
const KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/**
 * Removes failure objects that are older than 90 days, as a lifecycle rule does in a bucket. Links are not followed.
 * @param directory in which the local event source mapping keeps them; it may not be there yet
 * @param now epoch milliseconds
 * @returns how many
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
