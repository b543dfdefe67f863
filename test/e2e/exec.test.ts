import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { freePort } from '../fixtures/local/free-port.ts';
import { programEnvironment } from '../fixtures/local/program-environment.ts';

const BIN = fileURLToPath(new URL('../../infra/cognito-sync-backend.mjs', import.meta.url));
const directory = await mkdtemp(join(tmpdir(), 'exec-'));
afterAll(() => rm(directory, { recursive: true }));

const start = (args: string[], env: Record<string, string> = {}) =>
  spawn(process.execPath, ['--liftoff-only', BIN, ...args], {
    env: { ...programEnvironment(), TMPDIR: directory, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });

async function run(args: string[], env: Record<string, string> = {}) {
  const child = start(args, env);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code, stdout, stderr };
}

/** A command that prints its environment and the health of the service, and exits with 7. */
const PROBE = `
  const { status } = await (await fetch(process.env.AWS_ENDPOINT_URL + '/healthz')).json();
  console.log(JSON.stringify({ status, env: process.env }));
  process.exitCode = 7;`;

describe('exec', () => {
  it('runs the command with a fresh service, stops the service, and exits with the exit code of the command', async () => {
    const { code, stdout } = await run(['exec', '--', process.execPath, '--input-type=module', '-e', PROBE], {
      AWS_ACCESS_KEY_ID: 'AKIAREAL',
      AWS_SECRET_ACCESS_KEY: 'real',
      AWS_SESSION_TOKEN: 'real',
      AWS_PROFILE: 'real',
      AWS_ENDPOINT_URL_COGNITO_SYNC: 'https://sync.example.com',
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
      DATABASE_URL: 'postgres://app@127.0.0.1:1/app',
    });
    const { status, env } = JSON.parse(stdout);
    expect({ code, status }).toEqual({ code: 7, status: 'ok' });
    expect(env).toMatchObject({
      AWS_ENDPOINT_URL: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
      AWS_REGION: 'us-east-1',
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'local',
      AWS_SECRET_ACCESS_KEY: 'local',
      DATABASE_URL: 'postgres://app@127.0.0.1:1/app',
    });
    const removed = ['AWS_SESSION_TOKEN', 'AWS_PROFILE', 'AWS_ENDPOINT_URL_COGNITO_SYNC'];
    // The app under test may listen on PORT, so PORT must not contain the port of the service.
    for (const name of [...removed, 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS', 'PORT'])
      expect(env).not.toHaveProperty(name);
    await expect(fetch(`${env.AWS_ENDPOINT_URL}/healthz`)).rejects.toThrow('fetch failed');
    const left = (await readdir(directory)).filter((name) => name.startsWith('cognito-sync-backend-'));
    expect(left).toEqual([]);
  });

  it('runs the command with working AWS SDKs, regardless of the AWS settings in the environment', async () => {
    const usage = `
      import { CognitoSync } from '@aws-sdk/client-cognito-sync';
      const { IdentityPoolUsages } = await new CognitoSync().listIdentityPoolUsage({});
      console.log(JSON.stringify({ pools: IdentityPoolUsages.length, env: process.env }));`;
    const { code, stdout, stderr } = await run(
      ['exec', '--', process.execPath, '--input-type=module', '-e', usage],
      {
        AWS_USE_FIPS_ENDPOINT: 'true',
        AWS_USE_DUALSTACK_ENDPOINT: 'true',
        AWS_SECURITY_TOKEN: 'real',
        AWS_DEFAULT_PROFILE: 'real',
        AWS_CREDENTIAL_EXPIRATION: '2020-01-01T00:00:00Z',
      },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { pools, env } = JSON.parse(stdout);
    expect(pools).toBe(1);
    for (const name of ['AWS_SECURITY_TOKEN', 'AWS_DEFAULT_PROFILE', 'AWS_CREDENTIAL_EXPIRATION'])
      expect(env).not.toHaveProperty(name);
  });

  it('listens on PORT, and does not pass this port to the command', async () => {
    const port = String(await freePort());
    const listen = `
      const server = require('node:http').createServer().listen(process.env.PORT ?? 0, () => {
        console.log(process.env.AWS_ENDPOINT_URL);
        server.close();
      });`;
    const { code, stdout, stderr } = await run(['exec', '--', process.execPath, '-e', listen], {
      PORT: port,
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: `http://127.0.0.1:${port}\n`, stderr: '' });
  });

  it('uses free ports if PORT and PG_PORT are empty', async () => {
    const print = 'console.log(process.env.AWS_ENDPOINT_URL, process.env.PG_PORT, process.env.PORT)';
    const { code, stdout } = await run(['exec', '--', process.execPath, '-e', print], {
      PORT: '',
      PG_PORT: '',
    });
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^http:\/\/127\.0\.0\.1:(?!4580)\d+ (?!4581)\d+ \n$/),
    });
  });

  it('keeps DATA_DIR, and forwards signals to the command', async () => {
    const dataDir = join(directory, 'kept');
    const child = start(
      ['exec', '--', process.execPath, '-e', "console.log('running'); setInterval(() => undefined, 1000)"],
      { DATA_DIR: dataDir },
    );
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([128 + 15, null]);
    expect(await readdir(dataDir)).toContain('database');
  });

  it('exits with 127 if the command does not exist', async () => {
    const { code, stderr } = await run(['exec', '--', 'no-such-command']);
    expect({ code, stderr }).toEqual({
      code: 127,
      stderr: "cognito-sync-backend: cannot run no-such-command: ENOENT; check the command's name\n",
    });
  });

  it('exits with 126 if the command cannot be executed', async () => {
    const script = join(directory, 'script.sh');
    await writeFile(script, 'echo hello\n');
    const { code, stderr } = await run(['exec', '--', script]);
    expect({ code, stderr }).toEqual({
      code: 126,
      stderr: `cognito-sync-backend: cannot run ${script}: EACCES; the file cannot be executed; check its permissions, or run it with its interpreter\n`,
    });
  });

  it.each([[['exec']], [['exec', '--']], [['exec', 'npm', 'test']]])(
    'rejects %j with its usage',
    async (args) => {
      const { code, stderr } = await run(args);
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/^Usage:\n.*exec -- <command>/),
      });
    },
  );

  it.each([
    ['PORT', 'abc'],
    ['POWERTOOLS_LOG_LEVEL', 'LOUD'],
    ['LOG_FORMAT', 'xml'],
  ])('rejects an invalid %s in one line', async (name, value) => {
    const { code, stderr } = await run(['exec', '--', 'true'], { [name]: value });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(new RegExp(`^cognito-sync-backend: invalid ${name} "${value}": .*\\n$`)),
    });
  });
});

it('--version prints the version of the package', async () => {
  const { code, stdout } = await run(['--version']);
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});
