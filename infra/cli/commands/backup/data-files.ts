import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SetupError } from '../../../../lib/common/errors.ts';
import { type DataPaths, dataPaths } from '../../../../lib/database/data-directory.ts';
import type { BackupFiles } from '../../../../lib/export/service-file.ts';

/**
 * Start of the names of the checkpoint files of the service's own stream. A backup does not contain these files: a
 * restored service has a new stream, and a bulk publish fills its query store.
 */
const OWN_CHECKPOINTS = 'project-stream.';
const CHECKPOINTS = '.checkpoints.json';

/**
 * Reads the files of a data directory that a backup contains besides the database.
 *
 * @param usesTokenKeyFile whether the service signs with the key file. An unused file is left out
 * @throws {SetupError} the key file is missing, so the directory is not that of the service
 */
export async function readDataFiles(dataDir: string, usesTokenKeyFile: boolean): Promise<BackupFiles> {
  const { path, tokenKey, eventSourceMappings } = dataPaths(dataDir);
  const key = usesTokenKeyFile ? await orIfMissing(readFile(tokenKey), null) : null;
  if (usesTokenKeyFile && key === null) {
    throw new SetupError(
      `there is no token key in DATA_DIR="${path}"; set DATA_DIR as for the service, or, if SERVICE_KEYS has the token keys, set SERVICE_KEYS`,
    );
  }
  const checkpoints: Record<string, string> = {};
  for (const name of (await orIfMissing(readdir(eventSourceMappings), [])).sort()) {
    if (!name.endsWith(CHECKPOINTS) || name.startsWith(OWN_CHECKPOINTS)) continue;
    const content = await orIfMissing(readFile(join(eventSourceMappings, name)), null);
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

async function orIfMissing<Content, Fallback>(reading: Promise<Content>, fallback: Fallback) {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return fallback;
    throw error;
  }
}
