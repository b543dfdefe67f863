import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLocalConfig } from '../../infra/local/local-config.ts';
import { startLocalCloud } from '../../infra/local/start-local-cloud.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { dataPaths } from '../../lib/database/data-directory.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud, startEmbeddedCloud } from '../fixtures/local/local-cloud.ts';
import { runStart, type StartedProcess, startFirst } from '../fixtures/local/npm-start.ts';
import { programEnvironment } from '../fixtures/local/program-environment.ts';

/** On an idle machine, stopping takes less than a second. */
const STOP_WITHIN_MS = 10_000;
let directory: string;
/** URL of a PostgreSQL database, which most tests use because an embedded database takes seconds to open. */
let databaseUrl: string;
beforeAll(async () => {
  databaseUrl = await createPostgresDatabase();
  directory = await mkdtemp(join(tmpdir(), 'start-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('npm start', () => {
  let started: StartedProcess;
  let dataDir: string;
  beforeAll(async () => {
    dataDir = join(directory, 'data');
    // These files remain if a start is interrupted while it creates the database.
    const { database } = dataPaths(dataDir);
    await mkdir(database, { recursive: true });
    await writeFile(join(database, 'PG_VERSION'), '');
    await writeFile(`${database}.creating`, '');
    started = await startFirst({ DATA_DIR: dataDir });
  });
  afterAll(() => started.end('SIGKILL'));

  it('prints all addresses, the variables to export and a command to try', () => {
    const output = started.output();
    for (const part of ['cognito-sync-backend is ready', started.url, started.sqlUrl, '/healthz', dataDir]) {
      expect(output).toContain(part);
    }
    expect(output).toContain(`export AWS_ENDPOINT_URL=${started.url} AWS_REGION=us-east-1`);
    expect(output).toContain('export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local');
    expect(output).toContain('aws kinesis put-record --stream-name cognito-sync');
  });

  it('first prints that it starts, because the start takes seconds', () => {
    expect(started.output()).toMatch(/^cognito-sync-backend: starting\n/);
  });

  it('serves /healthz', async () => {
    const response = await fetch(`${started.url}/healthz`);
    expect(await response.json()).toMatchObject({
      service: 'cognito-sync-backend',
      status: 'ok',
      database: 'embedded',
    });
  });

  it('keeps the files of the data directory private', async () => {
    const readable: string[] = [];
    const { database } = dataPaths(dataDir);
    // PGlite makes its files readable for everyone, but only the owner can enter their directory.
    expect((await stat(database)).mode & 0o077).toBe(0);
    for (const entry of await readdir(dataDir, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (path.startsWith(database)) continue;
      // The database may have deleted the file in the meantime.
      const found = await stat(path).catch(() => undefined);
      if (found && (found.mode & 0o077) !== 0) readable.push(path);
    }
    expect(readable).toEqual([]);
  });

  it('exits with 1 if another process uses the data directory, and names that process in one line', async () => {
    const second = await runStart({ DATA_DIR: dataDir, PORT: '0', PG_PORT: '0' });
    expect(second).toMatchObject({ code: 1, stdout: 'cognito-sync-backend: starting\n' });
    expect(second.stderr).toMatch(
      new RegExp(
        `^cognito-sync-backend: DATA_DIR "${dataDir}" is in use by process ${started.process.pid}, started \\S+; stop that process, .*\n$`,
      ),
    );
  });

  it('names the process that uses the port', async () => {
    const { port } = new URL(started.url);
    expect(await startErrorOf({ PORT: port, DATABASE_URL: databaseUrl })).toBe(
      `PORT=${port} is taken by another cognito-sync-backend, process ${started.process.pid}; stop it, or set PORT to another port`,
    );
  });

  it('stops on SIGINT within seconds and releases its ports and directory', async () => {
    const slow = setTimeout(() => started.process.kill('SIGKILL'), STOP_WITHIN_MS);
    expect(await started.end('SIGINT')).toEqual({ code: 0 });
    clearTimeout(slow);
    const { url, sqlUrl } = started;
    const [port, sqlPort] = [new URL(url).port, new URL(sqlUrl).port];
    const next = await startEmbeddedCloud({ dataDir, port: Number(port), sqlPort: Number(sqlPort) });
    await next.close();
    expect({ url: next.url, sqlUrl: next.sqlUrl }).toEqual({ url, sqlUrl });
  });
});

it.each([
  ['npm start', ['infra/local/start.ts']],
  ['a command', ['infra/cognito-sync-backend.mjs', '--help']],
])('%s ends quietly if its output is no longer read', async (_, args) => {
  const child = spawn(process.execPath, ['--import', './infra/require-node.mjs', ...args], {
    cwd: fileURLToPath(new URL('../../', import.meta.url)),
    env: {
      ...programEnvironment(),
      ...{ DATA_DIR: join(directory, 'unread'), DATABASE_URL: databaseUrl, PORT: '0', PG_PORT: '0' },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
});

/** Returns the error message of a start with this environment. `npm start` prints it and exits with 1. */
async function startErrorOf(env: Record<string, string>): Promise<string> {
  const given = { DATA_DIR: join(directory, 'refused'), PORT: '0', PG_PORT: '0', ...env };
  try {
    const start = env.DATABASE_URL === undefined ? startEmbeddedCloud : startCloud;
    const cloud = await start(readLocalConfig(given));
    await cloud.close();
  } catch (error) {
    if (error instanceof SetupError) return error.message;
    throw error;
  }
  throw new Error('it started');
}

describe('npm start rejects', () => {
  it('an unknown log level, in one line and with exit code 1', async () => {
    const env = { DATA_DIR: join(directory, 'refused'), POWERTOOLS_LOG_LEVEL: 'LOUD' };
    expect(await runStart(env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cognito-sync-backend: invalid POWERTOOLS_LOG_LEVEL "LOUD": .*\n$/),
    });
  });

  it('an invalid port, in one line and with exit code 1', async () => {
    expect(await runStart({ DATA_DIR: join(directory, 'refused'), PORT: 'abc' })).toEqual({
      code: 1,
      stdout: 'cognito-sync-backend: starting\n',
      stderr: expect.stringMatching(/^cognito-sync-backend: invalid PORT "abc": use a port number.*\n$/),
    });
  });

  it.each([
    [
      'an address that other machines can reach',
      { HOST: '0.0.0.0' },
      'HOST=0.0.0.0 is reachable from other machines',
    ],
    [
      'an address that this machine does not have',
      { HOST: '203.0.113.7', AWS_ACCESS_KEY_ID: 'own', AWS_SECRET_ACCESS_KEY: 'own' },
      'HOST is not an address of this machine',
    ],
    ['an invalid region', { AWS_REGION: 'moon' }, 'invalid AWS_REGION "moon": use a region name'],
    [
      'another kind of database',
      { DATABASE_URL: 'mysql://u:secret@h/d' },
      'invalid DATABASE_URL: it is not the address of a PostgreSQL database',
    ],
    [
      'a database that does not respond',
      { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/d' },
      'the database d at 127.0.0.1:1 does not answer',
    ],
    [
      'a directory that cannot be created',
      { DATA_DIR: '/dev/null/data' },
      'cannot create DATA_DIR "/dev/null/data": ENOTDIR; use another directory',
    ],
  ])('%s, in one line', async (_, env, message) => {
    const error = await startErrorOf({ DATABASE_URL: databaseUrl, ...env });
    expect(error).toContain(message);
    expect(error).not.toMatch(/\n|secret/);
  });

  it.each([
    ['PORT', 'a PostgreSQL server'],
    ['PG_PORT', 'the embedded database'],
  ])('a %s that another program uses, with %s', async (variable, database) => {
    const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = address !== null && typeof address === 'object' ? String(address.port) : '';
    const onServer = database === 'a PostgreSQL server' && { DATABASE_URL: databaseUrl };
    expect(await startErrorOf({ [variable]: port, ...onServer })).toBe(
      `${variable}=${port} is taken by another program; stop it, or set ${variable} to another port`,
    );
    other.close();
  });

  it.each(['PORT', 'PG_PORT'])('a %s that is taken, before it creates a database', async (variable) => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = address !== null && typeof address === 'object' ? String(address.port) : '';
    const dataDir = join(directory, `taken-${variable}`);
    const start = startLocalCloud(
      readLocalConfig({ DATA_DIR: dataDir, PORT: '0', PG_PORT: '0', [variable]: port }),
    );
    await expect(start).rejects.toThrow(`${variable}=${port} is taken by another program`);
    expect(await readdir(dataPaths(dataDir).database)).toEqual([]);
    other.close();
  });

  it('damaged checkpoints', async () => {
    const dataDir = join(directory, 'damaged');
    const checkpoints = 'project-stream.cognito-sync.checkpoints.json';
    await mkdir(join(dataDir, 'event-source-mappings'), { recursive: true });
    await writeFile(join(dataDir, 'event-source-mappings', checkpoints), '{"half');
    const error = await startErrorOf({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
    expect(error).toContain(checkpoints);
    expect(error).not.toContain('\n');
  });

  it('a Node version that is too old', async () => {
    // Overrides the version that Node reports, because the check reads only that version.
    const old = "Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } })";
    const args = [
      '--import',
      `data:text/javascript,${encodeURIComponent(old)}`,
      '--import',
      './infra/require-node.mjs',
      'infra/local/start.ts',
    ];
    await expect(promisify(execFile)(process.execPath, args)).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^cognito-sync-backend: Node 20\.19\.0 is too old; install Node 24 or newer\. .*\n$/,
      ),
    });
  });
});
