import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SetupError } from '../common/errors.ts';

/** The error if another process has locked the data directory. */
export class DirectoryInUseError extends SetupError {}

export interface DataDirectory extends DataPaths {
  /** Releases the lock. */
  release(): void;
}

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
    operatorSocket: join(directory, 'operator.sock'),
  };
}

/**
 * Creates the data directory if it does not exist, and locks it for this process. Without the lock, two processes could
 * open one embedded database and silently destroy it. The operating system releases the lock when the process ends,
 * even after a crash. Node has no file lock of this kind. SQLite, which is part of Node, has one, so SQLite is used.
 *
 * @throws {DirectoryInUseError} another process has locked the directory
 * @throws {SetupError} the directory cannot be created or written to
 */
export async function takeDataDirectory(path: string): Promise<DataDirectory> {
  const paths = dataPaths(path);
  const directory = paths.path;
  const holderFile = join(directory, 'holder.json');
  try {
    await makeDirectory(directory);
    // The inner directories contain people's data. They are private even if the user shares the data directory itself.
    for (const inner of [paths.database, paths.kinesis, paths.eventSourceMappings])
      await makeDirectory(inner);
  } catch (error) {
    throw new SetupError(`cannot create DATA_DIR "${directory}": ${reasonOf(error)}; use another directory`);
  }
  const lock = openLock(directory);
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isLocked(error)) {
      throw new SetupError(`cannot lock DATA_DIR "${directory}": ${reasonOf(error)}; use another directory`);
    }
    throw new DirectoryInUseError(
      `DATA_DIR "${directory}" is in use by ${await describeHolder(holderFile)}; stop that process, or set DATA_DIR to another directory`,
    );
  }
  const holder = { pid: process.pid, since: new Date().toISOString() };
  await writeFile(holderFile, JSON.stringify(holder), { mode: 0o600 });
  return { ...paths, release: () => lock.close() };
}

/**
 * Creates a directory and its parents. Does not use the recursive option of mkdir: with this option, mkdir never ends
 * if the operating system reports an existing parent as missing.
 */
async function makeDirectory(path: string): Promise<void> {
  if (path !== dirname(path) && !existsSync(dirname(path))) await makeDirectory(dirname(path));
  if (!existsSync(path)) await mkdir(path, { mode: 0o700 });
}

function openLock(directory: string): DatabaseSync {
  const path = join(directory, 'lock');
  try {
    // SQLite would create a lock file that everyone can read, so the file is created here. An existing lock file is not
    // opened, because closing the file would release a lock that this process already holds.
    if (!existsSync(path)) closeSync(openSync(path, 'a', 0o600));
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw new SetupError(
      `cannot write to DATA_DIR "${directory}": ${reasonOf(error)}; use another directory`,
    );
  }
}

function isLocked(error: unknown): boolean {
  const SQLITE_BUSY = 5;
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY;
}

async function describeHolder(holderFile: string): Promise<string> {
  try {
    const { pid, since } = JSON.parse(await readFile(holderFile, 'utf8'));
    return `process ${pid}, started ${since}`;
  } catch {
    return 'another process';
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error && 'code' in error && error.code !== 'ERR_SQLITE_ERROR'
    ? String(error.code)
    : String(error);
}
