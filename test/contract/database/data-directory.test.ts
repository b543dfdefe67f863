import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { takeDataDirectory } from '../../../lib/database/data-directory.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'data-directory-'));
  // The user shares this directory. Even so, the files in it must not be readable for others.
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
