import { createReadStream } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { DEFAULT_DATA_DIR } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { toSafeLine } from '../../../lib/common/text.ts';
import { type DataDirectory, takeDataDirectory } from '../../../lib/database/data-directory.ts';
import { readDatabaseUrl } from '../../../lib/database/database-address.ts';
import { openDatabase } from '../../../lib/database/open-local.ts';
import { type ImportOutcome, importService } from '../../../lib/export/import-service.ts';
import type { ImportTarget } from '../../../lib/export/ports/import-target.ts';
import { createRaise, restoredCount } from '../../../lib/export/raise-counts.ts';
import type { BackupFiles } from '../../../lib/export/service-file.ts';
import { checkItem } from '../../../lib/export/store/check-item.ts';
import { createImportTarget, hasIdentities } from '../../../lib/export/store/import-target.ts';
import { verifyFile } from '../../../lib/export/verify-file.ts';
import { MOVING_POOLS } from '../../../lib/move/store/exported-tables.ts';
import { readCommandLine } from '../arguments.ts';
import { type ProcessCommand, type ProcessDeps, UsageError } from '../command.ts';
import { printJson } from '../terminal/print-json.ts';
import { writeDataFiles } from './backup/data-files.ts';
import { describeContents } from './export/describe-contents.ts';

/**
 * Restores a backup into a new data directory: the embedded database in it, or the empty database at DATABASE_URL. The
 * directory must be new even with DATABASE_URL: an old stream still has events that are newer than the backup.
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
  const existed = await requireEmpty(dataDir);
  const directory = await takeDataDirectory(dataDir, { isRestore: true });
  let outcome: ImportOutcome;
  try {
    await writeFile(directory.restoring, '', { mode: 0o600 });
    const raise = createRaise((id) => movingPools.has(id), restoredCount(Date.now(), highestCount));
    outcome = await importInto(directory, { path, databaseUrl, raise });
    await writeDataFiles(directory, files);
    await rm(directory.restoring);
  } catch (error) {
    // The files are removed before the directory is released. Otherwise, another process could take the directory
    // first, and would lose its own files.
    await removeWritten(dataDir, existed);
    directory.release();
    throw error;
  }
  directory.release();
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
  if (!found?.isFile()) throw new SetupError(`there is no file ${path}`);
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
  );
  if (files === null) {
    throw new SetupError(
      `${path} is an export without keys; read it with \`import\`, or use a file of \`backup\``,
    );
  }
  return { files, movingPools, highestCount };
}

/**
 * Checks that the data directory is empty or does not exist.
 * @returns whether the directory exists @throws {SetupError} the directory contains something
 */
async function requireEmpty(dataDir: string): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(dataDir);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw new SetupError(`DATA_DIR="${dataDir}" cannot be read: ${String(error)}`);
  }
  if (names.length === 0) return true;
  throw new SetupError(
    `DATA_DIR="${dataDir}" is not empty; stop the service, move the directory away, and run the command again, or set DATA_DIR to a new directory`,
  );
}

type Raise = ReturnType<typeof createRaise>;

async function importInto(
  directory: DataDirectory,
  { path, databaseUrl, raise }: { path: string; databaseUrl: string | undefined; raise: Raise },
): Promise<ImportOutcome> {
  const local = await openDatabase(directory.database, databaseUrl);
  try {
    if (await hasIdentities(local.database)) {
      throw new SetupError(
        'the database at DATABASE_URL has identities of a service; restore into a new database',
      );
    }
    return await importService(
      {
        open: (start) => createReadStream(path, { start }),
        target: raising(createImportTarget(local.database), raise),
        now: Date.now,
      },
      { signal: new AbortController().signal, onProgress: () => undefined },
    );
  } finally {
    await local.close();
  }
}

/**
 * Wraps the target so that it writes each dataset and record of the backup with a higher sync count than the file has.
 * The new count of a record depends on its dataset, which precedes the record in the file. A restore therefore always
 * starts at the beginning of the file.
 */
function raising(target: ImportTarget, raise: Raise): ImportTarget {
  return {
    ...target,
    async begin(file, now) {
      if ((await target.begin(file, now)) === 0) return 0;
      throw new SetupError('a restore into this database was interrupted; use a new database');
    },
    write: (file, items, position, now) =>
      target.write(
        file,
        items.map((item) => raise(item)),
        position,
        now,
      ),
  };
}

/** Removes what the restore has written: everything in the directory, because it was empty before. */
async function removeWritten(dataDir: string, existed: boolean): Promise<void> {
  if (!existed) return rm(dataDir, { recursive: true, force: true });
  for (const name of await readdir(dataDir)) await rm(join(dataDir, name), { recursive: true, force: true });
}
