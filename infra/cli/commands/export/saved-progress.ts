import { open, readFile, rename } from 'node:fs/promises';
import { SetupError } from '../../../../lib/common/errors.ts';
import type { ExportState } from './output.ts';

/** An interrupted export continues only if these are the same. */
export interface ExportIdentity {
  /** The options of the command. */
  options: string;
  /** The result of `readDatabaseId`. */
  databaseId: string;
}

/** The content of the progress file of an incomplete export. */
export interface SavedProgress<Written> extends ExportIdentity {
  state: ExportState;
  /** The data that was written when the progress was saved: its length and hash, or its complete files. */
  written: Written;
}

/**
 * Reads the progress of an interrupted export.
 *
 * @param remove the files to delete for a new start
 * @returns null if no progress was saved
 * @throws {SetupError} the export has other options, or its database is another one
 */
export async function readProgress<Written>(
  path: string,
  { options, databaseId, remove }: ExportIdentity & { remove: string },
): Promise<SavedProgress<Written> | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const saved = parse<Written>(text);
  const problem = problemOf(saved, { options, databaseId });
  if (problem !== null) throw new SetupError(`${path} ${problem}; delete ${remove} to start again`);
  return saved;
}

function problemOf(
  saved: SavedProgress<unknown> | null,
  { options, databaseId }: ExportIdentity,
): string | null {
  if (saved === null) return 'is damaged';
  if (saved.options !== options) return 'belongs to an export with other options';
  return saved.databaseId === databaseId ? null : 'belongs to an export of another database';
}

function parse<Written>(text: string): SavedProgress<Written> | null {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Saves the progress. A crash leaves either the old or the new progress. */
export async function saveProgress<Written>(path: string, progress: SavedProgress<Written>): Promise<void> {
  await writeSafely(path, JSON.stringify(progress));
}

/**
 * Writes a complete file that only its owner can read. After a crash, the file is either complete or does not exist.
 */
export async function writeSafely(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/**
 * Runs work that writes files.
 * @throws {SetupError} the operating system rejects a write, for example because the disk is full
 */
export async function writing<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
    throw new SetupError(
      `${path} cannot be written (${error.code}); solve the problem, or choose another path with --out`,
    );
  }
}
