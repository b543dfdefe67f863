import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { SetupError } from '../common/errors.ts';
import { lockDirectory, reasonOf } from './directory-lock.ts';
import { diskError } from './full-disk.ts';

export interface DataDirectory extends DataPaths {
  /** Checks once a second that the lock still excludes other processes. */
  watchLock(watcher: LockWatcher): void;
  /** Releases the lock. */
  release(): void;
}

export interface LockWatcher {
  /** Called after the lock file was removed and this process has locked the directory again. */
  onRestored(warning: string): void;
  /** Called if the directory was removed, or another process uses it. This process must end immediately. */
  onLost(error: SetupError): void;
}

const WATCH_INTERVAL_MS = 1_000;

/** Paths in a data directory. */
export interface DataPaths {
  /** Absolute path of the directory. */
  path: string;
  /** Directory of the embedded database. */
  database: string;
  /** Directory of the Kinesis emulator's streams. */
  kinesis: string;
  /** Directory of the event source mappings' checkpoints. */
  eventSourceMappings: string;
  /** File of the key that signs session tokens. */
  tokenKey: string;
  /** File that exists from the start of a restore into the directory until the restore has succeeded. */
  restoring: string;
  /** Socket on which a running local cloud accepts operator commands. */
  operatorSocket: string;
}

export function dataPaths(path: string): DataPaths {
  const directory = resolve(path);
  return {
    path: directory,
    database: join(directory, 'database'),
    kinesis: join(directory, 'kinesis'),
    eventSourceMappings: join(directory, 'event-source-mappings'),
    tokenKey: join(directory, 'token-key'),
    restoring: join(directory, 'restoring'),
    operatorSocket: join(directory, 'operator.sock'),
  };
}

/**
 * Creates the data directory if it does not exist, and locks it for this process. Without the lock, two processes could
 * open one embedded database and silently destroy it.
 *
 * @param isRestore whether this process restores a backup into the directory
 * @throws {DirectoryInUseError} another process has locked the directory
 * @throws {SetupError} the directory cannot be created or written to, or a restore into it has not succeeded
 */
export async function takeDataDirectory(
  path: string,
  { isRestore = false }: { isRestore?: boolean } = {},
): Promise<DataDirectory> {
  const paths = dataPaths(path);
  const directory = paths.path;
  try {
    await makeDirectory(directory);
    // The inner directories contain people's data. They are private even if the user shares the data directory itself.
    for (const inner of [paths.database, paths.kinesis, paths.eventSourceMappings])
      await makeDirectory(inner);
  } catch (error) {
    throw diskError(
      directory,
      error,
      `cannot create DATA_DIR "${directory}": ${reasonOf(error)}; use another directory`,
    );
  }
  let lock = await lockDirectory(directory);
  if (!isRestore && existsSync(paths.restoring)) {
    lock.release();
    throw new SetupError(
      `a restore into DATA_DIR "${directory}" has not succeeded; run \`restore\` again, or set DATA_DIR to another directory`,
    );
  }
  let watch: NodeJS.Timeout | undefined;
  let isReleased = false;

  /** @returns whether to check again */
  async function check({ onRestored, onLost }: LockWatcher): Promise<boolean> {
    const hasData = existsSync(paths.database);
    if (hasData && lock.isValid()) return true;
    try {
      if (!hasData) throw new SetupError('the database was removed');
      const removed = lock;
      lock = await lockDirectory(directory);
      removed.release();
      if (isReleased) lock.release();
      onRestored(`the file "lock" of DATA_DIR "${directory}" was removed; locked the directory again`);
      return !isReleased;
    } catch (cause) {
      const message = `DATA_DIR "${directory}" was removed, or another process uses it; this process ends to protect the data`;
      onLost(new SetupError(message, { cause }));
      return false;
    }
  }

  return {
    ...paths,
    watchLock(watcher) {
      const checkLater = () => {
        watch = setTimeout(async () => {
          if (await check(watcher)) checkLater();
        }, WATCH_INTERVAL_MS).unref();
      };
      checkLater();
    },
    release() {
      isReleased = true;
      clearTimeout(watch);
      lock.release();
    },
  };
}

/**
 * Creates a directory and its parents. Does not use the recursive option of mkdir: with this option, mkdir never ends
 * if the operating system reports an existing parent as missing.
 */
async function makeDirectory(path: string): Promise<void> {
  if (path !== dirname(path) && !existsSync(dirname(path))) await makeDirectory(dirname(path));
  if (!existsSync(path)) await mkdir(path, { mode: 0o700 });
}
