import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type EmbeddedDatabase, openPglite } from '../../../lib/database/drivers/pglite/open-pglite.ts';
import { placeEmptyEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';

let directory: string;
let dataDir: string;
let database: EmbeddedDatabase;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'embedded-'));
  dataDir = join(directory, 'database');
  await placeEmptyEmbeddedDatabase(dataDir);
  database = await openPglite({ dataDir, statementTimeoutMs: 1_000 });
});
afterAll(async () => {
  await database.close();
  await rm(directory, { recursive: true, force: true });
});

const temporaryFiles = () => {
  const folder = join(dataDir, 'base', 'pgsql_tmp');
  return existsSync(folder) ? readdirSync(folder) : [];
};

it('after a sort timed out, the embedded database removes the sort’s temporary files', async () => {
  const sorting = database.query(
    'SELECT count(*) FROM (SELECT md5(n::text) AS hash FROM generate_series(1, 1e9) AS n ORDER BY hash) AS sorted',
  );
  await expect(sorting).rejects.toMatchObject({ code: '57014' });
  expect(temporaryFiles()).not.toEqual([]);
  await database.query('SELECT 1');
  expect(temporaryFiles()).toEqual([]);
});
