import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dataPaths } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { placeEmbeddedDatabase } from '../fixtures/database/embedded-template.ts';
import { insertDatasets } from '../fixtures/database/many-datasets.ts';
import { createFilledService } from '../fixtures/export/fill-service.ts';
import { exportedLines, inFolder } from '../fixtures/export/run-export.ts';
import { startCloud, startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { operateProcess } from '../fixtures/local/operator.ts';
import { programEnvironment } from '../fixtures/local/program-environment.ts';
import { createSyncClient, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const COMMAND = fileURLToPath(new URL('../../infra/cognito-sync-backend.mjs', import.meta.url));
const SOON = { timeout: 60_000, interval: 100 };

function start(args: readonly string[], env: Record<string, string>) {
  return spawn(process.execPath, [COMMAND, ...args], {
    env: { ...programEnvironment(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

describe('a service that is exported and imported', () => {
  it('has the same data and fills the query store, from an embedded database to PostgreSQL', async () => {
    const cloud = await startEmbeddedCloud();
    const clone = await startCloud();
    const client = createSyncClient(cloud.url);
    try {
      const identities = [newIdentity(), newIdentity(), newIdentity()];
      for (const identity of identities)
        await write(client, identity, 'game', [set('score', '42'), set('é', '😀')]);
      await vi.waitFor(async () => {
        const { rows } = await cloud.database.query('SELECT 1 FROM query.records');
        expect(rows).toHaveLength(6);
      }, SOON);
      await inFolder(async (folder) => {
        const out = join(folder, 'service.jsonl');
        const exported = await operateProcess(['export', '--service', '--out', out], {
          DATA_DIR: cloud.dataDir,
        });
        expect(exported).toMatchObject({ code: 0, stdout: '' });
        const imported = await operateProcess(['import', out], { DATABASE_URL: clone.sqlUrl });
        expect(imported).toMatchObject({ code: 0, stdout: expect.stringContaining('3 datasets, 6 records') });
      });
      const records = async (on: Database) =>
        (
          await on.query(
            'SELECT identity_id, record_key, record_value, sync_count, last_modified_date FROM query.records ORDER BY identity_id, record_id',
          )
        ).rows;
      await vi.waitFor(async () => {
        expect(await records(clone.database)).toEqual(await records(cloud.database));
      }, SOON);
      const there = createSyncClient(clone.url);
      const [identity] = identities;
      if (identity) await write(there, identity, 'game', [set('score', '43', 1)]);
      there.destroy();
    } finally {
      client.destroy();
      await clone.close();
      await cloud.close();
    }
  });
});

describe('an export to a pipe that is closed', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'export-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));

  /** Reads the first bytes of the output and closes the pipe, as `head` does. */
  async function head(env: Record<string, string>) {
    const child = start(['export', '--service'], env);
    const errors = text(child.stderr);
    const exited = once(child, 'exit');
    const [first] = await once(child.stdout, 'data');
    child.stdout.destroy();
    const [code] = await exited;
    return { first: String(first), code, errors: await errors };
  }

  it.each([
    { state: 'runs', isRunning: true },
    { state: 'is stopped', isRunning: false },
  ])('ends quietly, while the service $state', async ({ isRunning }) => {
    if (!isRunning) await placeEmbeddedDatabase(dataPaths(dataDir).database);
    const cloud = isRunning ? await startEmbeddedCloud() : null;
    try {
      if (cloud) await insertDatasets(cloud.database, 5_000);
      const { first, code, errors } = await head({ DATA_DIR: cloud?.dataDir ?? dataDir });
      expect(first).toMatch(/^\{"type":"header"/);
      expect(code).toBe(0);
      expect(errors.replaceAll(/^\d+ lines? exported.*\n/gm, '')).toBe('');
    } finally {
      await cloud?.close();
    }
  });
});

describe('a command that is killed', () => {
  let source: Database;
  let sourceUrl: string;
  beforeAll(async () => {
    sourceUrl = await createPostgresDatabase();
    source = openPg({ connectionString: sourceUrl });
    await createFilledService(source);
    await insertDatasets(source, 60_000);
  });
  afterAll(() => source.close());

  it('continues: export --out, and import', { timeout: 240_000 }, async () => {
    const targetUrl = await createPostgresDatabase();
    const target = openPg({ connectionString: targetUrl });
    await inFolder(async (folder) => {
      const out = join(folder, 'service.jsonl');
      const exporting = start(['export', '--service', '--out', out], { DATABASE_URL: sourceUrl });
      const exportEnded = once(exporting, 'exit');
      await vi.waitUntil(() => existsSync(`${out}.progress`), { timeout: 60_000, interval: 5 });
      exporting.kill('SIGKILL');
      await exportEnded;
      expect(existsSync(out)).toBe(false);
      const { state } = JSON.parse(await readFile(`${out}.progress`, 'utf8'));
      expect(state.items).toBeGreaterThan(0);
      expect(
        await operateProcess(['export', '--service', '--out', out], { DATABASE_URL: sourceUrl }),
      ).toMatchObject({
        code: 0,
      });
      const lines = (await readFile(out, 'utf8')).split('\n');
      expect(lines.slice(1, -2)).toEqual(await exportedLines(source));

      const importing = start(['import', out], { DATABASE_URL: targetUrl });
      const importEnded = once(importing, 'exit');
      await vi.waitUntil(
        async () =>
          (await target.query('SELECT 1 FROM sync.imports WHERE next_position > 0')).rows.length > 0,
        { timeout: 60_000, interval: 5 },
      );
      importing.kill('SIGKILL');
      await importEnded;
      const { rows } = await target.query('SELECT 1 FROM sync.identity_pools');
      expect(rows).toEqual([]);
      const { code, stdout } = await operateProcess(['import', out], { DATABASE_URL: targetUrl });
      expect({ code, stdout }).toEqual({
        code: 0,
        stdout: expect.stringMatching(/^continued the import: 1 identity pool/),
      });
      expect(await exportedLines(target)).toEqual(lines.slice(1, -2));
    });
    await target.close();
  });
});
