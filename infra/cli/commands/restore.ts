import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { DEFAULT_DATA_DIR } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { toSafeLine } from '../../../lib/common/text.ts';
import {
  type DataDirectory,
  type DataPaths,
  dataPaths,
  takeDataDirectory,
} from '../../../lib/database/data-directory.ts';
import { readDatabaseUrl } from '../../../lib/database/database-address.ts';
import { openDatabase } from '../../../lib/database/open-local.ts';
import { type ImportOutcome, importService } from '../../../lib/export/import-service.ts';
import { createRaise, restoredCount } from '../../../lib/export/raise-counts.ts';
import { BACKUP_FILE, type BackupFiles } from '../../../lib/export/service-file.ts';
import { checkItem } from '../../../lib/export/store/check-item.ts';
import {
  createRestoreTarget,
  requireNoService,
  requireStopped,
} from '../../../lib/export/store/restore-target.ts';
import { verifyFile } from '../../../lib/export/verify-file.ts';
import { MOVING_POOLS } from '../../../lib/move/store/exported-tables.ts';
import { readCommandLine } from '../arguments.ts';
import { type ProcessCommand, type ProcessDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import { writeDataFiles } from './backup/data-files.ts';
import { describeContents } from './export/describe-contents.ts';

/**
 * Restores a backup into a new data directory: the embedded database in it, or the empty database at DATABASE_URL. The
 * directory must be new even with DATABASE_URL: an old stream still has events that are newer than the backup. After a
 * failure, no service starts on the directory or the database until the same command has succeeded.
 */
export const restore: ProcessCommand = {
  prepare(args) {
    const { values, positionals } = readCommandLine(args, {});
    const [path, ...more] = positionals;
    if (!path || more.length > 0) throw new UsageError('restore takes the path of one file');
    return (deps) => run(path, values.json, deps);
  },
};

async function run(path: string, asJson: boolean, { env, print }: ProcessDeps): Promise<void> {
  const databaseUrl = env.DATABASE_URL ? readDatabaseUrl(env) : undefined;
  const dataDir = resolve(env.DATA_DIR || DEFAULT_DATA_DIR);
  const { files, movingPools, highestCount } = await readBackup(path);
  await requireEmpty(dataDir);
  // The database is checked before the directory is created, so that a rejected restore leaves no files.
  if (databaseUrl !== undefined) await requireUnused(dataDir, databaseUrl);
  const directory = await takeDataDirectory(dataDir, { isRestore: true });
  let outcome: ImportOutcome;
  try {
    if (existsSync(directory.restoring)) await removeWritten(directory);
    await writeFile(directory.restoring, '', { mode: 0o600 });
    await writeDataFiles(directory, files);
    const raise = createRaise((id) => movingPools.has(id), restoredCount(Date.now(), highestCount));
    outcome = await importInto(directory, { path, databaseUrl, raise });
    await rm(directory.restoring);
  } finally {
    directory.release();
  }
  if (asJson) return printJson(print, outcome);
  const contents = describeContents({ ...outcome, pools: outcome.identityPoolIds.length });
  print(toSafeLine(`restored into ${dataDir}: ${contents}`));
  if (files.tokenKey === null)
    print('the backup has no token key; start with the same SERVICE_KEYS as before');
  for (const id of movingPools) print(`${id} is being migrated: run \`move copy\` when the service runs`);
}

interface Backup {
  files: BackupFiles;
  /** Pools that are being migrated. */
  movingPools: ReadonlySet<string>;
  /** The highest sync count of all datasets in the backup. */
  highestCount: number;
}

/**
 * Reads the complete file before anything is written.
 * @throws {SetupError} the file is damaged, was written by a newer version, or is not a backup
 */
async function readBackup(path: string): Promise<Backup> {
  const found = await stat(path).catch(() => null);
  if (found === null) throw new SetupError(`there is no file ${path}`);
  if (!found.isFile()) throw new SetupError(`${path} is not a file; use a file of \`backup\``);
  const movingPools = new Set<string>();
  let highestCount = 0;
  const { files } = await verifyFile(
    createReadStream(path),
    (line) => {
      const checked = checkItem(line);
      const { item, identityPoolId } = checked ?? {};
      if (item?.type === 'dataset') highestCount = Math.max(highestCount, Number(item.row.sync_count));
      if (item?.type === 'row' && item.table === MOVING_POOLS.name && identityPoolId) {
        // The row remains after `move finish`. From then on, the sync counts of the pool are no longer compared with
        // those of the origin, so they can be raised.
        if (item.row.finished_ms === null) movingPools.add(identityPoolId);
      }
      return checked;
    },
    () => undefined,
    BACKUP_FILE,
  );
  if (files === null) {
    throw new SetupError(
      `${path} is an export without keys; read it with \`import\`, or use a file of \`backup\``,
    );
  }
  return { files, movingPools, highestCount };
}

/**
 * Checks that the data directory is empty, does not exist, or contains only what a failed restore has written.
 * @throws {SetupError} the directory contains something else
 */
async function requireEmpty(dataDir: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(dataDir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw new SetupError(`DATA_DIR="${dataDir}" cannot be read: ${String(error)}`);
  }
  if (names.length === 0 || names.includes(basename(dataPaths(dataDir).restoring))) return;
  throw new SetupError(
    `DATA_DIR="${dataDir}" is not empty; stop the service, move the directory away, and run the command again, or set DATA_DIR to a new directory`,
  );
}

/** @throws {SetupError} a service runs on the database, or the database has identities */
async function requireUnused(dataDir: string, databaseUrl: string): Promise<void> {
  const local = await openDatabase(dataPaths(dataDir).database, databaseUrl);
  try {
    await requireStopped(local.database);
    await requireNoService(local.database);
  } finally {
    await local.close();
  }
}

type Raise = ReturnType<typeof createRaise>;

async function importInto(
  directory: DataDirectory,
  { path, databaseUrl, raise }: { path: string; databaseUrl: string | undefined; raise: Raise },
): Promise<ImportOutcome> {
  const local = await openDatabase(directory.database, databaseUrl);
  try {
    return await importService(
      {
        open: (start) => createReadStream(path, { start }),
        target: createRestoreTarget(local.database, raise),
        now: Date.now,
      },
      { signal: new AbortController().signal, onProgress: () => undefined },
    );
  } finally {
    await local.close();
  }
}

/** Removes what a failed restore has written into the directory. */
async function removeWritten({ database, eventSourceMappings, tokenKey }: DataPaths): Promise<void> {
  for (const path of [database, eventSourceMappings, tokenKey])
    await rm(path, { recursive: true, force: true });
  await mkdir(eventSourceMappings, { mode: 0o700 });
}
