import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { prepareCommand } from '../../../infra/cli/run-command.ts';
import { startLocalCloud } from '../../../infra/local/start-local-cloud.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { dataPaths } from '../../../lib/database/data-directory.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { restoredCount } from '../../../lib/export/raise-counts.ts';
import { createPostgresDatabase, openDatabase } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { insertDatasets } from '../../fixtures/database/many-datasets.ts';
import { createFilledService, getId } from '../../fixtures/export/fill-service.ts';
import { inFolder, runExport } from '../../fixtures/export/run-export.ts';
import { signExport } from '../../fixtures/export/sign-export.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import { operate } from '../../fixtures/local/operator.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, put } from '../../fixtures/sync/sync-service.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const KEY = Buffer.alloc(32, 7);

let source: Database;
let targetUrl: string;
let target: Database;
beforeAll(async () => {
  source = await openDatabase();
});
beforeEach(async () => {
  targetUrl = await createPostgresDatabase();
  target = openPg({ connectionString: targetUrl, maxConnections: 1 });
  const { identity, sync } = await createFilledService(source);
  const device = createDevice(sync.operations, { identityId: await getId(identity, POOL) });
  await device.update(put('score', '1'));
  await device.update(put('level', '2'));
});
afterEach(async () => {
  await target.close();
  await deleteAllRows(source);
});
afterAll(() => source.close());

interface Backup {
  folder: string;
  usesTokenKeyFile?: () => boolean;
  now?: () => number;
}

/** Runs `backup` with a data directory that contains a token key. @returns the path of the backup, the printed lines */
async function backUp({ folder, ...deps }: Backup) {
  const file = join(folder, `${randomUUID()}.jsonl`);
  const printed: string[] = [];
  const print = (line: string) => void printed.push(line);
  await writeFile(join(folder, 'token-key'), KEY);
  const work = await prepareCommand(['backup', '--out', file]);
  await work(commandDeps({ database: source, dataDir: folder, print, ...deps }));
  return { file, printed };
}

const restore = (folder: string, file: string, databaseUrl = targetUrl) =>
  operate(['restore', file], { DATA_DIR: join(folder, randomUUID()), DATABASE_URL: databaseUrl });

async function countsOf(database: Database): Promise<number[]> {
  const { rows } = await database.query<{ sync_count: number }>(
    'SELECT sync_count FROM sync.records UNION ALL SELECT sync_count FROM sync.datasets ORDER BY sync_count',
  );
  return rows.map(({ sync_count }) => sync_count);
}

const insertMove = (finishedMs: number | null) =>
  source.query(
    `INSERT INTO move.pools (identity_pool_id, origin, run_ms, progress, finished_ms) VALUES ($1, 'Amazon', 1, '{}', $2)`,
    [POOL, finishedMs],
  );

it('restore raises the sync counts of a pool whose migration is finished', () =>
  inFolder(async (folder) => {
    await insertMove(2);
    const { file } = await backUp({ folder });
    const startedAt = Date.now();
    const { code, stdout, stderr } = await restore(folder, file);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout).not.toContain('is being migrated');
    expect(Math.min(...(await countsOf(target)))).toBeGreaterThanOrEqual(restoredCount(startedAt, 0));
  }));

it('restore keeps the sync counts of a pool that is being migrated, and names the next command', () =>
  inFolder(async (folder) => {
    await insertMove(null);
    const { file } = await backUp({ folder });
    const { stdout } = await restore(folder, file);
    expect(stdout).toContain(`${POOL} is being migrated: run \`move copy\` when the service runs`);
    expect(await countsOf(target)).toEqual(await countsOf(source));
  }));

it.each([
  ['an older', 300, 1],
  ['a newer', 1, 300],
])(
  'restore gives higher sync counts than an earlier restore of %s backup into another database',
  (_, firstAge, secondAge) =>
    inFolder(async (folder) => {
      const backUpAgo = (days: number) => backUp({ folder, now: () => Date.now() - days * DAY_MS });
      await restore(folder, (await backUpAgo(firstAge)).file);
      // The sync counts that restores assign grow once per second, so the second restore must start a second later.
      await sleep(1_000);
      const secondUrl = await createPostgresDatabase();
      await restore(folder, (await backUpAgo(secondAge)).file, secondUrl);
      const second = openPg({ connectionString: secondUrl, maxConnections: 1 });
      expect(Math.min(...(await countsOf(second)))).toBeGreaterThan(Math.max(...(await countsOf(target))));
      await second.close();
    }),
  20_000,
);

/** More datasets than one batch of a restore writes. */
const DATASETS = 1_500;

/** Finds the last dataset that a restore of the file writes, except for datasets that it writes twice. */
function lastDatasetId(lines: readonly string[]): string {
  const line = lines.findLast((one) => one.startsWith('{"type":"dataset"') && !one.includes('"again":true'));
  return JSON.parse(line ?? '').row.dataset_id;
}

it(
  'after a failed restore into PostgreSQL, no service starts until the same restore has succeeded',
  () =>
    inFolder(async (folder) => {
      await insertDatasets(source, DATASETS);
      const { file } = await backUp({ folder });
      const env = { DATA_DIR: join(folder, 'restored'), DATABASE_URL: targetUrl };
      const start = (dataDir: string) => startLocalCloud({ dataDir, databaseUrl: targetUrl });
      const last = lastDatasetId((await readFile(file, 'utf8')).split('\n'));
      await target.query(
        `ALTER TABLE sync.records ADD CONSTRAINT unwritable CHECK (dataset_id <> '${last}')`,
      );
      expect(await operate(['restore', file], env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('violates check constraint'),
      });
      const written = await countsOf(target);
      expect(written.length).toBeGreaterThan(0);
      await expect(start(env.DATA_DIR)).rejects.toThrow(SetupError);
      await expect(start(env.DATA_DIR)).rejects.toThrow(`a restore into DATA_DIR "${env.DATA_DIR}" has not`);
      const other = start(join(folder, 'other'));
      await expect(other).rejects.toThrow(SetupError);
      await expect(other).rejects.toThrow('run `restore` with the same file again, or use another database');
      await expect(runExport({ database: target }, '--service')).rejects.toThrow('so data is missing');
      const { file: otherFile } = await backUp({ folder });
      expect(await operate(['restore', otherFile], env)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('run `restore` with the same file again'),
      });

      await target.query('ALTER TABLE sync.records DROP CONSTRAINT unwritable');
      // The sync counts that restores assign grow once per second.
      await sleep(1_000);
      expect(await operate(['restore', file], env)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining(`${DATASETS + 1} datasets`),
      });
      const counts = await countsOf(target);
      expect(counts).toHaveLength((await countsOf(source)).length);
      expect(Math.min(...counts)).toBeGreaterThan(Math.max(...written));
      await (await start(env.DATA_DIR)).close();
    }),
  60_000,
);

it(
  'after a failed restore into an embedded database, no service starts until a restore has succeeded',
  () =>
    inFolder(async (folder) => {
      const { file } = await backUp({ folder });
      const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -2);
      // The file has each identity in two pools, which only the database notices, after it has written the first one.
      const doubled = lines.flatMap((line) =>
        /"type":"identity"|"table":"sync.identity_pools"/.test(line)
          ? [line, line.replaceAll(POOL, POOL.replace(/.$/, 'f'))]
          : [line],
      );
      const unwritable = join(folder, 'unwritable.jsonl');
      await writeFile(unwritable, signExport(doubled));
      const env = { DATA_DIR: join(folder, 'restored') };
      expect(await operate(['restore', unwritable], env)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /: the identity \S+ belongs to another pool here; restore into a new database, and if that fails as well, use another backup\n$/,
        ),
      });
      await expect(startLocalCloud({ dataDir: env.DATA_DIR })).rejects.toThrow(
        `a restore into DATA_DIR "${env.DATA_DIR}" has not succeeded`,
      );

      expect(await operate(['restore', file], env)).toMatchObject({ code: 0 });
      expect(await readFile(dataPaths(env.DATA_DIR).tokenKey)).toEqual(KEY);
      const cloud = await startLocalCloud({ dataDir: env.DATA_DIR });
      expect(await countsOf(cloud.database)).toHaveLength((await countsOf(source)).length);
      await cloud.close();
    }),
  60_000,
);

it('restore rejects a database that has identities', () =>
  inFolder(async (folder) => {
    const { file } = await backUp({ folder });
    await target.query(
      `INSERT INTO sync.identity_pools (identity_pool_id, created_ms, revision) VALUES ('us-east-1:other', 1, 1)`,
    );
    await target.query(
      `INSERT INTO sync.identities (identity_row_id, identity_pool_id, identity_id)
       VALUES ('00000000-0000-4000-8000-000000000001', 'us-east-1:other', 'us-east-1:someone')`,
    );
    const dataDir = join(folder, 'new');
    const { code, stderr } = await operate(['restore', file], { DATA_DIR: dataDir, DATABASE_URL: targetUrl });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'cognito-sync-backend: the database at DATABASE_URL has identities of a service; restore into a new database\n',
    });
    expect(await countsOf(target)).toEqual([]);
    expect(existsSync(dataDir)).toBe(false);
  }));

it('restore rejects a database on which a service runs, although the service has no identities yet', () =>
  inFolder(async (folder) => {
    const { file } = await backUp({ folder });
    const running = await startLocalCloud({ dataDir: join(folder, 'running'), databaseUrl: targetUrl });
    try {
      const dataDir = join(folder, 'new');
      expect(await operate(['restore', file], { DATA_DIR: dataDir, DATABASE_URL: targetUrl })).toMatchObject({
        code: 1,
        stderr:
          'cognito-sync-backend: a service runs on the database at DATABASE_URL; stop every service on this database, or restore into a new database\n',
      });
      expect(existsSync(dataDir)).toBe(false);
    } finally {
      await running.close();
    }
    expect(await restore(folder, file)).toMatchObject({ code: 0 });
  }));

it('restore rejects a database whose query store has data of a pool of the backup', () =>
  inFolder(async (folder) => {
    const { file } = await backUp({ folder });
    await target.query(
      `INSERT INTO projection.datasets (
         dataset_id, identity_pool_id, identity_id, dataset_name, last_modified_ms, sync_count, projected_at)
       VALUES ($1, $2, 'us-east-1:1', 'game', 9, 9, now())`,
      [randomUUID(), POOL],
    );
    expect(await restore(folder, file)).toMatchObject({
      code: 1,
      stderr: `cognito-sync-backend: nothing was restored: the query store of this database has data of ${POOL}, which can be newer than the data of the file and would hide it; restore into a new database\n`,
    });
    expect(await countsOf(target)).toEqual([]);
  }));

it('restore rejects a database into which another process restores the same file', () =>
  inFolder(async (folder) => {
    const { file } = await backUp({ folder });
    // As if another process had moved on between two statements of this one.
    await target.query(
      `CREATE FUNCTION skip_update() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
    );
    await target.query(
      'CREATE TRIGGER skip BEFORE UPDATE ON sync.imports FOR EACH ROW EXECUTE FUNCTION skip_update()',
    );
    expect(await restore(folder, file)).toMatchObject({
      code: 1,
      stderr: 'cognito-sync-backend: another process restores the same file; wait until it has ended\n',
    });
  }));

it('restore rejects a database into which an import has not ended', () =>
  inFolder(async (folder) => {
    const { file } = await backUp({ folder });
    await target.query(
      `INSERT INTO sync.imports (import_id, file_sha256, started_ms, identity_pool_ids, next_position)
       VALUES ($1, 'ab', 1, '[]', 0)`,
      [randomUUID()],
    );
    expect(await restore(folder, file)).toMatchObject({
      code: 1,
      stderr:
        'cognito-sync-backend: an import into this database has not ended; restore into a new database\n',
    });
  }));

it.each([tmpdir(), '/dev/null'])('restore says that %s is not a file', (path) =>
  inFolder(async (folder) => {
    expect(await restore(folder, path)).toMatchObject({
      code: 1,
      stderr: `cognito-sync-backend: ${path} is not a file; use a file of \`backup\`\n`,
    });
  }),
);

it('restore rejects an export, because it contains no keys of the service', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'export.jsonl');
    await writeFile(file, await runExport({ database: source }, '--service'));
    const { code, stderr } = await restore(folder, file);
    expect(code).toBe(1);
    expect(stderr).toContain('is an export without keys; read it with `import`');
  }));

it('backup includes the token key of the data directory', () =>
  inFolder(async (folder) => {
    const { file, printed } = await backUp({ folder });
    expect(printed.join()).toContain('complete, with the token key');
    expect(await readFile(file, 'utf8')).toContain(KEY.toString('base64'));
  }));

it('backup and restore print the same numbers of pools, identities, datasets and records', () =>
  inFolder(async (folder) => {
    const { file, printed } = await backUp({ folder });
    expect(printed.at(-1)).toBe('  1 identity pool, 1 identity, 1 dataset, 2 records');
    expect((await restore(folder, file)).stdout).toContain(
      ': 1 identity pool, 1 identity, 1 dataset, 2 records\n',
    );
    await deleteAllRows(source);
    expect((await backUp({ folder })).printed.at(-1)).toBe(
      '  0 identity pools, 0 identities, 0 datasets, 0 records',
    );
  }));

it('backup leaves out the token key of the data directory if SERVICE_KEYS has token keys', () =>
  inFolder(async (folder) => {
    const { file, printed } = await backUp({ folder, usesTokenKeyFile: () => false });
    expect(printed.join()).toContain(
      'complete, without a token key, because SERVICE_KEYS has the token keys',
    );
    expect(await readFile(file, 'utf8')).not.toContain(KEY.toString('base64'));
    const { stdout } = await restore(folder, file);
    expect(stdout).toContain('start with the same SERVICE_KEYS as before');
  }));

it('backup fails if the data directory has no token key, because DATA_DIR may be wrong', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'backup.jsonl');
    const work = await prepareCommand(['backup', '--out', file]);
    await expect(work(commandDeps({ database: source, dataDir: join(folder, 'wrong') }))).rejects.toThrow(
      `there is no token key in DATA_DIR="${join(folder, 'wrong')}"; set DATA_DIR as for the service, or, if SERVICE_KEYS has the token keys, set SERVICE_KEYS`,
    );
  }));

it.each([
  ['succeeds if SERVICE_KEYS has token keys', { SERVICE_KEYS: true }, 0],
  ['fails if neither the data directory nor SERVICE_KEYS has a token key', {}, 1],
])(
  'backup without a running service %s',
  (_, { SERVICE_KEYS = false }: { SERVICE_KEYS?: boolean }, expected) =>
    inFolder(async (folder) => {
      const keys = JSON.stringify({ tokenKeys: [KEY.toString('base64')] });
      const { code, stderr } = await operate(['backup', '--out', join(folder, 'backup.jsonl')], {
        DATA_DIR: join(folder, 'data'),
        DATABASE_URL: targetUrl,
        ...(SERVICE_KEYS && { SERVICE_KEYS: keys }),
      });
      expect(code, stderr).toBe(expected);
    }),
);
