import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLocalConfig } from '../../infra/local/local-config.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';
import { runStart, type StartedProcess, startFirst } from '../fixtures/local/npm-start.ts';

const STOP_WITHIN_MS = 2_000;
let directory: string;
/** An embedded database takes seconds to open. */
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
    started = await startFirst({ DATA_DIR: dataDir });
  });
  afterAll(() => started.end('SIGKILL'));

  it('says where everything is, what to paste and what to try', () => {
    const output = started.output();
    for (const part of ['cognito-sync-backend is ready', started.url, started.sqlUrl, '/healthz', dataDir]) {
      expect(output).toContain(part);
    }
    expect(output).toContain(`export AWS_ENDPOINT_URL=${started.url} AWS_REGION=us-east-1`);
    expect(output).toContain('export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local');
    expect(output).toContain('aws kinesis put-record --stream-name cognito-sync');
  });

  it('answers /healthz', async () => {
    const answer = await fetch(`${started.url}/healthz`);
    expect(await answer.json()).toMatchObject({
      service: 'cognito-sync-backend',
      status: 'ok',
      database: 'embedded',
    });
  });

  it('names the process that has the data directory, in one line and with code 1', async () => {
    const second = await runStart({ DATA_DIR: dataDir, PORT: '0', PG_PORT: '0' });
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(
      new RegExp(
        `^cognito-sync-backend: DATA_DIR "${dataDir}" is in use by process ${started.process.pid}, started \\S+; stop that process, .*\n$`,
      ),
    );
  });

  it('names the process that has the port', async () => {
    const { port } = new URL(started.url);
    expect(await refusalOf({ PORT: port, DATABASE_URL: databaseUrl })).toBe(
      `PORT=${port} is taken by another cognito-sync-backend, process ${started.process.pid}; stop it, or set PORT to another port`,
    );
  });

  it('stops on SIGINT within two seconds and frees ports and directory', async () => {
    const slow = setTimeout(() => started.process.kill('SIGKILL'), STOP_WITHIN_MS);
    expect(await started.end('SIGINT')).toEqual({ code: 0 });
    clearTimeout(slow);
    const { url, sqlUrl } = started;
    const [port, sqlPort] = [new URL(url).port, new URL(sqlUrl).port];
    const next = await startCloud({ dataDir, port: Number(port), sqlPort: Number(sqlPort) });
    await next.close();
    expect({ url: next.url, sqlUrl: next.sqlUrl }).toEqual({ url, sqlUrl });
  });
});

/** What a start with this environment is refused with; npm start prints it, and ends with code 1. */
async function refusalOf(env: Record<string, string>): Promise<string> {
  const given = { DATA_DIR: join(directory, 'refused'), PORT: '0', PG_PORT: '0', ...env };
  try {
    const cloud = await startCloud(readLocalConfig(given));
    await cloud.close();
  } catch (error) {
    if (error instanceof SetupError) return error.message;
    throw error;
  }
  throw new Error('it started');
}

describe('npm start refuses', () => {
  it('a port that is none, in one line and with code 1', async () => {
    expect(await runStart({ DATA_DIR: join(directory, 'refused'), PORT: 'abc' })).toEqual({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^cognito-sync-backend: invalid PORT "abc": use a port number.*\n$/),
    });
  });

  it.each([
    ['an address everybody can reach', { HOST: '0.0.0.0' }, 'HOST=0.0.0.0 is reachable from other machines'],
    [
      'an address that this machine does not have',
      { HOST: '203.0.113.7', AWS_ACCESS_KEY_ID: 'own', AWS_SECRET_ACCESS_KEY: 'own' },
      'HOST is not an address of this machine',
    ],
    ['a region that is none', { AWS_REGION: 'moon' }, 'invalid AWS_REGION "moon": use a region name'],
    [
      'a database of another kind',
      { DATABASE_URL: 'mysql://u:secret@h/d' },
      'invalid DATABASE_URL: it is not the address of a PostgreSQL database',
    ],
    [
      'a database that does not answer',
      { DATABASE_URL: 'postgres://u:secret@127.0.0.1:1/d' },
      'the database d at 127.0.0.1:1 does not answer',
    ],
    [
      'a directory that cannot be made',
      { DATA_DIR: '/dev/null/data' },
      'cannot create DATA_DIR "/dev/null/data": ENOTDIR; use another directory',
    ],
  ])('%s, in one line', async (_, env, message) => {
    const refusal = await refusalOf({ DATABASE_URL: databaseUrl, ...env });
    expect(refusal).toContain(message);
    expect(refusal).not.toMatch(/\n|secret/);
  });

  it.each([
    ['PORT', 'a PostgreSQL server'],
    ['PG_PORT', 'the embedded database'],
  ])('a port that another program has, for %s, with %s', async (variable, database) => {
    const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = address !== null && typeof address === 'object' ? String(address.port) : '';
    const onServer = database === 'a PostgreSQL server' && { DATABASE_URL: databaseUrl };
    expect(await refusalOf({ [variable]: port, ...onServer })).toBe(
      `${variable}=${port} is taken by another program; stop it, or set ${variable} to another port`,
    );
    other.close();
  });

  it('checkpoints that are damaged', async () => {
    const dataDir = join(directory, 'damaged');
    const checkpoints = 'project-stream.cognito-sync.checkpoints.json';
    await mkdir(join(dataDir, 'event-source-mappings'), { recursive: true });
    await writeFile(join(dataDir, 'event-source-mappings', checkpoints), '{"half');
    const refusal = await refusalOf({ DATA_DIR: dataDir, DATABASE_URL: databaseUrl });
    expect(refusal).toContain(checkpoints);
    expect(refusal).not.toContain('\n');
  });

  it('a Node that is too old', async () => {
    // A Node that says it is another one: the check has nothing else to go by.
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
        /^cognito-sync-backend: Node 20\.19\.0 is too old; install Node 24 or newer .*\n$/,
      ),
    });
  });
});
