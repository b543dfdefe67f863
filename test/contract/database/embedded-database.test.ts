import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
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

// V8 of Node 24 can abort the process while it frees code that threads share. See lib/common/start-thread.ts.
it.runIf(process.versions.node.startsWith('24.'))(
  'V8 frees no code that threads share, although a thread ends at a timeout',
  { timeout: 240_000 },
  async () => {
    const ownDir = join(directory, 'own');
    await placeEmptyEmbeddedDatabase(ownDir);
    const { href } = new URL('../../../lib/database/drivers/pglite/open-pglite.ts', import.meta.url);
    // The script is a file, because a thread inherits the flags of its process and would not accept --input-type.
    const script = join(directory, 'time-out.mjs');
    const code = `
      import { openPglite } from ${JSON.stringify(href)};
      const database = await openPglite({ dataDir: ${JSON.stringify(ownDir)}, statementTimeoutMs: 300 });
      await database.query('SELECT count(*) FROM generate_series(1, 1e12)').catch(() => undefined);
      await database.query('SELECT 1');
      await database.close();
      console.log('closed');`;
    // With the first flag, V8 tries to free code as often as possible. With the second flag, it prints what it freed.
    const flags = ['--stress-wasm-code-gc', '--trace-wasm-code-gc'];
    await writeFile(script, code);
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, script], {
      maxBuffer: 64 * 1024 * 1024,
    });
    expect(stdout).toContain('closed');
    expect(stdout).not.toMatch(/Freeing \d+ wrapper/);
  },
);
