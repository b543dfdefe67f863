import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ADDRESS = 'databaseUrl=postgres://user:hunter2@host:5432/database';
/**
 * A stub of `serverless`. When its standard input ends, it appends its arguments, and the variables that `deploy` sets, as
 * one line to the file that CALLS names. It fails if FAILS names its command.
 */
const SERVERLESS = `
const { appendFileSync } = require('node:fs');
const args = process.argv.slice(2);
process.stdin.resume().on('end', () => {
  const { AWS_CLIENT_TIMEOUT: wait, DEPLOY_YES: yes, DEPLOY_NEW: fresh } = process.env;
  const more = [...(yes ? ['yes=' + yes] : []), ...(fresh ? ['new=' + fresh] : []), ...(wait ? [wait] : [])];
  appendFileSync(process.env.CALLS, JSON.stringify([...args, ...more]) + '\\n');
  process.exit(args[0] === process.env.FAILS ? 1 : 0);
});`;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'deploy-'));
  await mkdir(join(directory, 'infra/stack'), { recursive: true });
  await mkdir(join(directory, 'node_modules/serverless/bin'), { recursive: true });
  await cp(join(ROOT, 'infra/stack/deploy.ts'), join(directory, 'infra/stack/deploy.ts'));
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  await writeFile(join(directory, 'node_modules/serverless/package.json'), '{"type":"commonjs"}');
  await writeFile(join(directory, 'node_modules/serverless/bin/serverless.js'), SERVERLESS);
});
beforeEach(() => writeFile(join(directory, 'calls'), ''));
afterAll(() => rm(directory, { recursive: true, force: true }));

async function deploy(
  args: string[],
  fails = '',
): Promise<{ code: number; calls: unknown[]; output: string }> {
  const env = { ...process.env, CALLS: join(directory, 'calls'), FAILS: fails };
  const { code, output } = await promisify(execFile)(
    process.execPath,
    [join(directory, 'infra/stack/deploy.ts'), ...args],
    { env },
  ).then(
    ({ stderr }) => ({ code: 0, output: stderr }),
    (error: { code: number; stderr: string }) => ({ code: error.code, output: error.stderr }),
  );
  const calls = (await readFile(join(directory, 'calls'), 'utf8')).trim().split('\n');
  return { code, output, calls: calls.map((call) => JSON.parse(call)) };
}

describe('npm run deploy', () => {
  it('deploys, then migrates with the same stage and parameters and a timeout of 16 minutes', async () => {
    const given = ['--stage', 'prod', '--region=eu-west-1', '--force', '--param', ADDRESS];
    const { code, calls } = await deploy(given);
    expect(code).toBe(0);
    expect(calls).toEqual([
      ['deploy', ...given],
      [
        'invoke',
        '--function',
        'migrate',
        '--stage',
        'prod',
        '--region=eu-west-1',
        '--param',
        ADDRESS,
        '960000',
      ],
    ]);
  });

  it('keeps its own options from the framework, which receives them as environment variables', async () => {
    const { calls } = await deploy([
      '--yes',
      '--stage',
      'prod',
      '--new=CognitoStream',
      '--new=FailuresBucket',
    ]);
    expect(calls).toEqual([
      ['deploy', '--stage', 'prod', 'yes=on', 'new=CognitoStream,FailuresBucket'],
      ['invoke', '--function', 'migrate', '--stage', 'prod', '960000'],
    ]);
  });

  it('prints its commands without the address of the database', async () => {
    const { output } = await deploy(['-s', 'prod', '--param', ADDRESS, `--param=${ADDRESS}`]);
    expect(output).toContain('> serverless invoke --function migrate -s prod --param databaseUrl=…');
    expect(output).not.toContain('hunter2');
  });

  it('does not migrate if the deployment fails', async () => {
    const { code, calls, output } = await deploy([], 'deploy');
    expect(code).toBe(1);
    expect(calls).toEqual([['deploy']]);
    expect(output).toContain('deploy: serverless deploy failed: nothing was migrated');
  });

  it('fails if the migration fails, and says what to do', async () => {
    const { code, output } = await deploy([], 'invoke');
    expect(code).toBe(1);
    expect(output).toContain(
      'its database is not at the current schema; fix the cause and run this command again',
    );
  });
});
