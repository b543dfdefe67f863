import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { SetupError } from '../common/errors.ts';

/** Another process holds the directory. */
export class DirectoryInUseError extends SetupError {}

export interface DataDirectory extends DataPaths {
  /** Gives it back to whoever wants it next. */
  release(): void;
}

/** What lies where in a data directory. */
export interface DataPaths {
  /** Its absolute path. */
  path: string;
  /** Where the embedded database lives. */
  database: string;
  /** Where the streams of the Kinesis emulator live. */
  kinesis: string;
  /** Where event source mappings keep how far they are. */
  eventSourceMappings: string;
  /** Where the key of session tokens is kept. */
  tokenKey: string;
  /** Where a running local cloud takes the operator's commands. */
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
 * Makes the data directory where it is absent and takes it for this process alone: two processes on one embedded
 * database would destroy it without a word. The lock is one that the system takes back when the process ends, however
 * it ends; Node has no such lock on files, but SQLite, which is part of Node, has.
 *
 * @throws {DirectoryInUseError} another process holds it
 * @throws {SetupError} it cannot be made or written
 */
export async function takeDataDirectory(path: string): Promise<DataDirectory> {
  const paths = dataPaths(path);
  const directory = paths.path;
  const holderFile = join(directory, 'holder.json');
  try {
    await makeDirectory(directory);
    // Who lets others into the directory does not mean what lies in it: it holds what people stored.
    for (const inner of [paths.database, paths.kinesis, paths.eventSourceMappings])
      await makeDirectory(inner);
  } catch (error) {
    throw new SetupError(
      `DATA_DIR=${directory} cannot be made (${reasonOf(error)}); choose another directory`,
    );
  }
  const lock = openLock(directory);
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isLocked(error)) throw new SetupError(`DATA_DIR=${directory} cannot be locked (${reasonOf(error)})`);
    throw new DirectoryInUseError(
      `DATA_DIR=${directory} is in use by ${await describeHolder(holderFile)}; stop that one, or set DATA_DIR to another directory`,
    );
  }
  await writeFile(holderFile, JSON.stringify({ pid: process.pid, since: new Date().toISOString() }));
  return { ...paths, release: () => lock.close() };
}

/** Not by mkdir's own recursion: where the system says that a parent is missing although it is there, it never ends. */
async function makeDirectory(path: string): Promise<void> {
  if (path !== dirname(path) && !existsSync(dirname(path))) await makeDirectory(dirname(path));
  if (!existsSync(path)) await mkdir(path, { mode: 0o700 });
}

function openLock(directory: string): DatabaseSync {
  try {
    return new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
  } catch (error) {
    throw new SetupError(
      `DATA_DIR=${directory} cannot be written (${reasonOf(error)}); choose another directory`,
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
