import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { takeDataDirectory } from '../../lib/database/data-directory.ts';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { openDatabase } from '../../lib/database/open-local.ts';
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

/** Runs a command to its end. @returns also the most memory that it used, in MiB; 0 on systems without /proc */
async function runMeasured(args: readonly string[], env: Record<string, string>) {
  const child = start(args, env);
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const exited = once(child, 'exit');
  let peakMiB = 0;
  const timer = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  }, 20);
  const [code] = await exited;
  clearInterval(timer);
  const [stdout, stderr] = await output;
  return { code, stdout, stderr, peakMiB };
}

/** Maximum memory of an export and of an import, in MiB. The exported file has 90 MB. */
const MAX_MIB = 350;

describe('a service that is exported and imported', () => {
  it('has the same data and fills the query store, from an embedded database to PostgreSQL', {
    timeout: 240_000,
  }, async () => {
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

  /** Fills the database while no service runs. */
  async function fillStopped(): Promise<void> {
    const directory = await takeDataDirectory(dataDir);
    await placeEmbeddedDatabase(directory.database);
    const { database } = await openDatabase(directory.database, undefined);
    await insertDatasets(database, 5_000);
    await database.close();
    directory.release();
  }

  it.each([
    { state: 'runs', isRunning: true },
    { state: 'is stopped', isRunning: false },
  ])('exits with 0 and no error while the service $state', { timeout: 120_000 }, async ({ isRunning }) => {
    const cloud = isRunning ? await startEmbeddedCloud() : null;
    try {
      if (cloud) await insertDatasets(cloud.database, 5_000);
      else await fillStopped();
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
    // The server of the tests runs no autovacuum. Without statistics, an export takes twice the CPU time.
    await source.query('ANALYZE');
  });
  afterAll(() => source.close());

  it('continues when it is run again, with limited memory: export --out, and import', {
    timeout: 240_000,
  }, async () => {
    const targetUrl = await createPostgresDatabase();
    const target = openPg({ connectionString: targetUrl });
    await inFolder(async (folder) => {
      const out = join(folder, 'service.jsonl');
      const exporting = start(['export', '--service', '--out', out], { DATABASE_URL: sourceUrl });
      const exportEnded = once(exporting, 'exit');
      const exportedItems = async () =>
        existsSync(`${out}.progress`) ? JSON.parse(await readFile(`${out}.progress`, 'utf8')).state.items : 0;
      await vi.waitUntil(async () => (await exportedItems()) > 0, { timeout: 60_000, interval: 5 });
      exporting.kill('SIGKILL');
      await exportEnded;
      expect(existsSync(out)).toBe(false);
      const exported = await runMeasured(['export', '--service', '--out', out], { DATABASE_URL: sourceUrl });
      expect(exported.code, exported.stderr).toBe(0);
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
      const imported = await runMeasured(['import', out], { DATABASE_URL: targetUrl });
      expect(imported.code, imported.stderr).toBe(0);
      expect(imported.stdout).toMatch(/^continued the import: 1 identity pool/);
      console.log(`peak memory: export ${exported.peakMiB} MiB, import ${imported.peakMiB} MiB`);
      expect(Math.max(exported.peakMiB, imported.peakMiB)).toBeLessThan(MAX_MIB);
      await target.query('ANALYZE');
      expect(await exportedLines(target)).toEqual(lines.slice(1, -2));
    });
    await target.close();
  });
});
