import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../lib/common/errors.ts';
import { type DataDirectory, dataPaths, takeDataDirectory } from '../../lib/database/data-directory.ts';
import { DirectoryInUseError } from '../../lib/database/directory-lock.ts';
import { hasEmbeddedDatabase } from '../../lib/database/has-embedded-database.ts';
import { askRunningCloud } from './ask-running-cloud.ts';
import type { CommandDeps } from './command.ts';
import { explainPath } from './explain-path.ts';
import { DONE, type Outcome } from './run-command.ts';

export interface DirectoryOptions {
  work: (deps: CommandDeps) => Promise<void>;
  /**
   * The command line from which `work` was prepared. If a local cloud runs the command, it receives this command line.
   */
  commandLine: readonly string[];
  dataDir: string;
  deps: Omit<CommandDeps, 'database' | 'projection' | 'queries'>;
}

/**
 * Maximum time to wait for the data directory. It is in use while another command runs, or while a local cloud is
 * starting and does not accept commands yet.
 */
const WAIT_MS = 10_000;

/**
 * Runs a command on the embedded database, which only one process can open. If a local cloud uses the data directory,
 * that cloud runs the command. Otherwise this process runs the command.
 *
 * @throws {SetupError} there is no database, or another process holds the data directory and accepts no commands
 */
export async function runOnDirectory({
  work,
  commandLine,
  dataDir,
  deps,
}: DirectoryOptions): Promise<Outcome> {
  const paths = dataPaths(dataDir);
  for (const giveUpAt = Date.now() + WAIT_MS; ; await sleep(100)) {
    const outcome = await askRunningCloud(paths.operatorSocket, commandLine, deps);
    if (outcome !== null) return explainPath(outcome, commandLine);
    // The existence of the directory is checked first, because `takeDataDirectory` would create a missing directory.
    if (!existsSync(paths.database)) throw noDatabase(paths.path);
    const directory = await takeUnlessInUse(dataDir, giveUpAt);
    if (directory !== null) {
      await workAlone(work, directory, deps);
      return DONE;
    }
  }
}

function noDatabase(path: string): SetupError {
  return new SetupError(
    `there is no database in DATA_DIR=${path}; run this command in the directory where the service ran, or set DATA_DIR or DATABASE_URL as for the service`,
  );
}

async function takeUnlessInUse(dataDir: string, giveUpAt: number): Promise<DataDirectory | null> {
  try {
    return await takeDataDirectory(dataDir);
  } catch (error) {
    if (error instanceof DirectoryInUseError && Date.now() < giveUpAt) return null;
    throw error;
  }
}

async function workAlone(
  work: DirectoryOptions['work'],
  directory: DataDirectory,
  deps: DirectoryOptions['deps'],
): Promise<void> {
  try {
    // A service on PostgreSQL has a data directory without a database. Opening the database would create an empty one.
    if (!hasEmbeddedDatabase(directory.database)) throw noDatabase(directory.path);
    // Loaded on use: if a local cloud runs the command, this process needs no database.
    const { openDatabase } = await import('../../lib/database/open-local.ts');
    const { database, queries } = await openDatabase(directory.database, undefined);
    try {
      await work({ ...deps, database, projection: database, queries });
    } finally {
      await database.close();
    }
  } finally {
    directory.release();
  }
}
