import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type DataDirectory, takeDataDirectory } from '../../../lib/database/data-directory.ts';
import { DirectoryInUseError } from '../../../lib/database/directory-lock.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'data-directory-'));
  // The mode of this directory lets other users read it. The files in it must still be readable only for the owner.
  await chmod(directory, 0o755);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

it('the files of a data directory are readable only for their owner', async () => {
  const taken = await takeDataDirectory(directory);
  const modes = new Map<string, string>();
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const { mode } = await stat(join(entry.parentPath, entry.name));
    modes.set(entry.name, (mode & 0o777).toString(8));
  }
  expect(Object.fromEntries(modes)).toEqual({
    'holder.json': '600',
    lock: '600',
    // SQLite gives its journal the mode of its database.
    'lock-journal': '600',
    database: '700',
    'event-source-mappings': '700',
    kinesis: '700',
  });
  taken.release();
});

describe('if the lock file of a data directory is removed', () => {
  let taken: DataDirectory;
  let path: string;
  beforeAll(async () => {
    path = join(directory, 'data');
    taken = await takeDataDirectory(path);
  });
  afterAll(() => taken.release());

  /** Calls `remove`, then watches the lock until a callback is called. */
  const watched = async (remove: () => Promise<void>) => {
    const watcher = { onRestored: vi.fn(), onLost: vi.fn() };
    await remove();
    taken.watchLock(watcher);
    const { onRestored, onLost } = watcher;
    await expect
      .poll(() => onRestored.mock.calls.length + onLost.mock.calls.length, { timeout: 5_000 })
      .toBe(1);
    return watcher;
  };

  it('another process does not take the directory while the process that locked it runs', async () => {
    await rm(join(path, 'lock'));
    const holder = join(path, 'holder.json');
    const own = await readFile(holder, 'utf8');
    // Let `holder.json` name the parent of this process, because that process is certain to run.
    await writeFile(holder, JSON.stringify({ pid: process.ppid, since: '2026-01-01T00:00:00.000Z' }));
    const second = takeDataDirectory(path);
    await expect(second).rejects.toThrow(DirectoryInUseError);
    await expect(second).rejects.toThrow(
      new RegExp(
        `^the file "lock" of DATA_DIR ".*" was removed, but .* process ${process.ppid}, started 2026-`,
      ),
    );
    await writeFile(holder, own);
  });

  it('the process that locked the directory locks it again', async () => {
    const { onRestored } = await watched(() => rm(join(path, 'lock'), { force: true }));
    expect(onRestored).toHaveBeenCalledWith(
      expect.stringMatching(/^the file "lock" of DATA_DIR .* was removed/),
    );
    await expect(takeDataDirectory(path)).rejects.toThrow('is in use by process');
  });

  it('the process that locked the directory notices that another process locked the directory after the removal', async () => {
    let other: DatabaseSync | undefined;
    const { onLost } = await watched(async () => {
      await rm(join(path, 'lock'));
      other = new DatabaseSync(join(path, 'lock'));
      other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    });
    expect(onLost).toHaveBeenCalledWith(
      expect.objectContaining({ message: expect.stringContaining('another process uses it') }),
    );
    other?.close();
  });
});

it('a process takes a directory that has no lock file if the last process that locked it has ended', async () => {
  const path = join(directory, 'stale');
  (await takeDataDirectory(path)).release();
  await rm(join(path, 'lock'));
  // No process has this id, because it is above the maximum.
  await writeFile(join(path, 'holder.json'), JSON.stringify({ pid: 2 ** 30, since: '' }));
  (await takeDataDirectory(path)).release();
});
