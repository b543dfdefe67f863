import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStart, type StartedProcess, startFirst, startProcess } from '../fixtures/local/npm-start.ts';

const STOP_WITHIN_MS = 2_000;
let directory: string;
beforeAll(async () => {
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

  it('names the process that has the data directory', async () => {
    const second = await runStart({ DATA_DIR: dataDir, PORT: '0', PG_PORT: '0' });
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(
      new RegExp(
        `^cognito-sync-backend: DATA_DIR "${dataDir}" is in use by process ${started.process.pid}, started \\S+; stop that process, .*\n$`,
      ),
    );
  });

  it('names the process that has the port', async () => {
    const port = new URL(started.url).port;
    const second = await runStart({ DATA_DIR: join(directory, 'other'), PORT: port, PG_PORT: '0' });
    expect(second).toEqual({
      code: 1,
      stdout: '',
      stderr: `cognito-sync-backend: PORT=${port} is taken by another cognito-sync-backend, process ${started.process.pid}; stop it, or set PORT to another port\n`,
    });
  });

  it('stops on SIGINT within two seconds and frees ports and directory', async () => {
    const slow = setTimeout(() => started.process.kill('SIGKILL'), STOP_WITHIN_MS);
    expect(await started.end('SIGINT')).toEqual({ code: 0 });
    clearTimeout(slow);
    const { port } = new URL(started.url);
    const { port: sqlPort } = new URL(started.sqlUrl);
    started = await startProcess({ DATA_DIR: dataDir, PORT: port, PG_PORT: sqlPort });
    expect(new URL(started.url).port).toBe(port);
  });
});

describe('npm start refuses, in one line and with code 1,', () => {
  it.each([
    ['a port that is none', { PORT: 'abc' }, 'invalid PORT "abc": use a port number'],
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
  ])('%s', async (_, env, message) => {
    const { code, stdout, stderr } = await runStart({
      DATA_DIR: join(directory, 'refused'),
      PORT: '0',
      PG_PORT: '0',
      ...env,
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(stderr).not.toContain('secret');
  });

  it('a port that another program has', async () => {
    const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = address !== null && typeof address === 'object' ? String(address.port) : '';
    for (const variable of ['PORT', 'PG_PORT']) {
      const { code, stderr } = await runStart({
        DATA_DIR: join(directory, 'refused'),
        PORT: '0',
        PG_PORT: '0',
        [variable]: port,
      });
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `cognito-sync-backend: ${variable}=${port} is taken by another program; stop it, or set ${variable} to another port\n`,
      });
    }
    other.close();
  });

  it('checkpoints that are damaged', async () => {
    const dataDir = join(directory, 'damaged');
    const first = await startProcess({ DATA_DIR: dataDir });
    await first.end('SIGINT');
    await writeFile(
      join(dataDir, 'event-source-mappings', 'project-stream.cognito-sync.checkpoints.json'),
      '{"half',
    );
    const { code, stderr } = await runStart({ DATA_DIR: dataDir, PORT: '0', PG_PORT: '0' });
    expect(code).toBe(1);
    expect(stderr.split('\n')).toHaveLength(2);
    expect(stderr).toContain('project-stream.cognito-sync.checkpoints.json');
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
