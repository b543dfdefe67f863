import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, expect, inject, it } from 'vitest';
import { openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { createTemplates, restoreTemplate } from '../../../lib/database/embedded-template.ts';
import { migrate } from '../../../lib/database/schema/migrate.ts';

const directory = await mkdtemp(join(inject('runFolder'), 'template-'));
afterAll(() => rm(directory, { recursive: true }));

const ROWS = `
  SELECT relname FROM pg_stat_user_tables
  WHERE pg_relation_size(relid) > 0 AND relname <> 'migrations'`;

it('restoreTemplate restores a database with the current schema, without rows, that only its owner can read', async () => {
  const dataDir = join(directory, 'migrated');
  expect(await restoreTemplate(dataDir)).toBe(true);
  const entries = await readdir(dataDir, { recursive: true });
  const modes = await Promise.all(entries.map(async (path) => (await stat(join(dataDir, path))).mode));
  expect(modes.filter((mode) => (mode & 0o077) !== 0)).toEqual([]);
  const database = await openPglite({ dataDir });
  try {
    expect(await migrate(database)).toEqual([]);
    expect((await database.query(ROWS)).rows).toEqual([]);
  } finally {
    await database.close();
  }
});

it('restoreTemplate writes nothing if no template for the current migrations exists', async () => {
  const folder = await mkdtemp(join(directory, 'outdated-'));
  await writeFile(join(folder, 'migrated-0123456789abcdef.zst'), '{"directories":[],"files":[]}\n');
  const dataDir = join(directory, 'none');
  expect(await restoreTemplate(dataDir, 'migrated', folder)).toBe(false);
  expect(existsSync(dataDir)).toBe(false);
});

it('restoreTemplate writes nothing if the template is damaged', async () => {
  const template = await createTemplates();
  const folder = await mkdtemp(join(directory, 'damaged-'));
  const content = await readFile(template);
  await writeFile(join(folder, basename(template)), content.subarray(0, content.length / 2));
  const dataDir = join(directory, 'damaged');
  expect(await restoreTemplate(dataDir, 'migrated', folder)).toBe(false);
  expect(existsSync(dataDir)).toBe(false);
});

it('createTemplates keeps current templates, and removes outdated ones', async () => {
  const folder = join(await createTemplates(), '..');
  const outdated = join(folder, 'migrated-0123456789abcdef.zst');
  const before = await readdir(folder);
  await writeFile(outdated, '');
  await createTemplates();
  expect(await readdir(folder)).toEqual(before);
});
