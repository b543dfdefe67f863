import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataPaths } from '../../lib/database/data-directory.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../lib/database/schema/migrate.ts';
import { createEmptyPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud, startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { startProcess } from '../fixtures/local/npm-start.ts';
import { operate, operateProcess } from '../fixtures/local/operator.ts';

const READY = /^numeric +ready /m;
const ABSENT = /^numeric +absent /m;

describe('the command line without a database', () => {
  it('prints its usage', async () => {
    expect(await operateProcess(['--help'], {})).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('npx cognito-sync-backend indexes add numeric|text|changes'),
    });
    expect(await operate(['indexes', '-h'], {})).toMatchObject({ code: 0, stderr: '' });
    expect(await operateProcess([], {})).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^cognito-sync-backend: no command given\nUsage:\n/),
    });
    expect(await operate(['indexes', 'ad', 'numeric'], {})).toMatchObject({ code: 2, stdout: '' });
  });

  it.each([
    { env: { DATA_DIR: '/nowhere/at/all' }, message: 'there is no database in DATA_DIR=/nowhere/at/all; ' },
    {
      env: { DATABASE_URL: 'mysql://db' },
      message: 'invalid DATABASE_URL: it is not the address of a PostgreSQL database',
    },
    { env: { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/x' }, message: 'at 127.0.0.1:1 does not answer' },
  ])('fails with one line that says what to do, with $env', async ({ env, message }) => {
    const { code, stdout, stderr } = await operate(['indexes'], env as Record<string, string>);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^cognito-sync-backend: [^\n]+\n$/);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('secret');
  });
});

describe('a command on the embedded database', () => {
  let dataDir: string;
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'operator-'));
  });
  afterAll(() => rm(dataDir, { recursive: true, force: true }));
  const run = (...args: string[]) => operate(args, { DATA_DIR: dataDir });

  it('runs in the local cloud that has the database open, also concurrently', async () => {
    const cloud = await startProcess({ DATA_DIR: dataDir });
    try {
      expect(await run('indexes')).toMatchObject({ code: 0, stdout: expect.stringMatching(ABSENT) });
      const added = await Promise.all([run('indexes', 'add', 'numeric'), run('indexes', 'add', 'numeric')]);
      expect(added.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
        { code: 0, stderr: '' },
        { code: 0, stderr: '' },
      ]);
      expect(await run('indexes')).toMatchObject({ code: 0, stdout: expect.stringMatching(READY) });
      expect(await run('pools', 'add', 'eu-west-1:0')).toMatchObject({ code: 0, stderr: '' });
      expect((await run('pools')).stdout).toMatch(
        /^eu-west-1:0\n {2}stores 0 bytes\n {2}streaming ENABLED on cognito-sync\n {2}no sync trigger\n {2}logins are not verified \(LOGINS=trusted\)\nus-east-1:/,
      );
      expect((await fetch(`${cloud.url}/healthz`)).status).toBe(200);
    } finally {
      await cloud.end('SIGKILL');
    }
  });

  it('opens the database itself after the cloud was killed, one command at a time', async () => {
    expect((await stat(join(dataDir, 'operator.sock'))).isSocket()).toBe(true);
    const process = (...args: string[]) => operateProcess(args, { DATA_DIR: dataDir });
    const results = await Promise.all([process('indexes'), process('indexes', 'add', 'text')]);
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    expect(results[0].stdout).toMatch(READY);
    expect(await run('indexes', 'drop', 'numeric')).toMatchObject({ code: 0, stdout: 'numeric: dropped\n' });
  });

  it('runs in the next cloud, which replaces the socket of the killed one', async () => {
    const cloud = await startEmbeddedCloud({ dataDir });
    try {
      expect(await run('indexes')).toMatchObject({ code: 0, stdout: expect.stringMatching(ABSENT) });
    } finally {
      await cloud.close();
    }
    await expect(stat(join(dataDir, 'operator.sock'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('fails if the process on the socket does not accept commands', async () => {
    const other = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => other.listen(join(dataDir, 'operator.sock'), resolve));
    expect(await run('indexes')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not accept commands'),
    });
    await new Promise((resolve) => other.close(resolve));
    await writeFile(join(dataDir, 'operator.sock'), '');
    expect(await run('indexes')).toMatchObject({ code: 0 });
  });
});

describe('a command on a PostgreSQL server', () => {
  it('fails while the database has no schema, and runs once the schema exists', async () => {
    const databaseUrl = await createEmptyPostgresDatabase();
    expect(await operate(['indexes'], { DATABASE_URL: databaseUrl })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /has no schema projection; run `npx cognito-sync-backend start` once with this DATABASE_URL/,
      ),
    });
    const database = openPg({ connectionString: databaseUrl });
    await migrate(database);
    await database.close();
    expect(await operate(['indexes', 'add', 'numeric'], { DATABASE_URL: databaseUrl })).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^numeric: ready after \d+\.\d s, 8 kB$/m),
    });
    expect((await operate(['indexes'], { DATABASE_URL: databaseUrl })).stdout).toMatch(READY);
  });

  it.each([
    { line: ['backup', '--out', 'backup.jsonl'] },
    { line: ['export', '--service', '--out', 'backup.jsonl'] },
    { line: ['pools', 'add', 'us-east-1:1'] },
    { line: ['status', '--check'] },
  ])('creates no database while the service is stopped and only DATA_DIR is set: $line', async ({ line }) => {
    const dataDir = await mkdtemp(join(tmpdir(), 'operator-'));
    const args = line.map((part) => (part === 'backup.jsonl' ? join(dataDir, part) : part));
    const cloud = await startCloud({ dataDir });
    await cloud.close();
    expect(await operate(args, { DATA_DIR: dataDir })).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^cognito-sync-backend: there is no database in DATA_DIR=.* DATABASE_URL /,
      ),
    });
    expect(await readdir(dataDir)).not.toContain('backup.jsonl');
    expect(await readdir(dataPaths(dataDir).database)).toEqual([]);
    await rm(dataDir, { recursive: true, force: true });
  });

  it('finds the server of a running local cloud by its data directory', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'operator-'));
    const databaseUrl = await createEmptyPostgresDatabase();
    const cloud = await startCloud({ dataDir, databaseUrl });
    try {
      expect(await operate(['indexes', 'add', 'numeric'], { DATA_DIR: dataDir })).toMatchObject({ code: 0 });
      expect((await operate(['indexes'], { DATABASE_URL: databaseUrl })).stdout).toMatch(READY);
    } finally {
      await cloud.close();
      await rm(dataDir, { recursive: true, force: true });
    }
  });
});
