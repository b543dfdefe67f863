import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DataPaths, dataPaths } from '../../../../lib/database/data-directory.ts';
import type { BackupFiles } from '../../../../lib/export/service-file.ts';

/**
 * The checkpoints of the service's own stream are not a part of a backup. A restored service has a new stream, and a bulk
 * publish fills its query store.
 */
const OWN_CHECKPOINTS = 'project-stream.';
const CHECKPOINTS = '.checkpoints.json';

/** Reads the files of a data directory that a backup contains besides the database. Missing files are left out. */
export async function readDataFiles(dataDir: string): Promise<BackupFiles> {
  const { tokenKey, eventSourceMappings } = dataPaths(dataDir);
  const key = await readIfExists(tokenKey);
  const checkpoints: Record<string, string> = {};
  for (const name of (await readdir(eventSourceMappings).catch(() => [])).sort()) {
    if (!name.endsWith(CHECKPOINTS) || name.startsWith(OWN_CHECKPOINTS)) continue;
    const content = await readIfExists(join(eventSourceMappings, name));
    if (content !== null) checkpoints[name] = content.toString();
  }
  return { tokenKey: key?.toString('base64') ?? null, checkpoints };
}

/** Writes the files of a backup into a data directory, which must not be in use. Only their owner can read them. */
export async function writeDataFiles(
  { tokenKey: keyPath, eventSourceMappings }: DataPaths,
  { tokenKey, checkpoints }: BackupFiles,
): Promise<void> {
  const mode = 0o600;
  for (const [name, content] of Object.entries(checkpoints)) {
    await writeFile(join(eventSourceMappings, name), content, { mode });
  }
  if (tokenKey !== null) await writeFile(keyPath, Buffer.from(tokenKey, 'base64'), { mode });
}

async function readIfExists(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}
