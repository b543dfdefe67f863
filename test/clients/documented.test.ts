import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { emptyShell, isMissing, isMissingModule } from './optional-program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = await readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8');
/** The URL of the service in docs/clients.md. */
const DOCUMENTED_URL = 'http://127.0.0.1:4580';
/** Long enough for many calls of the AWS CLI, each of which takes seconds. */
const TIMEOUT_MS = 240_000;

const noCli = isMissing('the shell commands of docs/clients.md', 'aws', '--version');
const noBoto3 = isMissingModule('the Python of docs/clients.md', 'boto3');

const { cloud } = await openLocalCloud();

const BLOCKS = [...PAGE.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
  language,
  code: code.replaceAll(DOCUMENTED_URL, cloud.url),
}));
const blocksIn = (wanted: string) =>
  BLOCKS.flatMap(({ language, code }) => (language === wanted ? [code] : []));

/** Runs a program in the checkout, with the script as standard input. @returns the standard output of the program */
async function runScript(program: string, args: string[], script: string): Promise<string> {
  const env = emptyShell({ AWS_MAX_ATTEMPTS: '1', AWS_PAGER: '' });
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  let errorOutput = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    errorOutput += chunk;
  });
  child.stdin.end(script);
  const [code] = await once(child, 'close');
  expect({ code, errorOutput: code === 0 ? '' : errorOutput }).toEqual({ code: 0, errorOutput: '' });
  return output;
}

describe('docs/clients.md', () => {
  it('has only code blocks that this file runs', () => {
    const languages = new Set(BLOCKS.map(({ language }) => language));
    expect([...languages].sort()).toEqual(['js', 'python', 'sh']);
    expect(blocksIn('js')).toHaveLength(2);
    expect(PAGE.match(/^```/gm)).toHaveLength(BLOCKS.length * 2);
    expect(PAGE.split('\n').length).toBeLessThanOrEqual(210);
  });

  it.skipIf(noCli)(
    'has shell commands that work in sequence',
    async () => {
      // The documented curl command reads the inbox indefinitely. The test ends it after the first message.
      const script = blocksIn('sh')
        .join('\n')
        .replace(/^curl -N (.*)$/m, "grep -m1 '^data: ' <(curl -sN $1 2>/dev/null)");
      const output = await runScript('bash', ['-eu', '-o', 'pipefail'], script);
      expect(output).toContain('"Value": "Hello"');
      const guest = /"IdentityId": ?"(us-east-1:[0-9a-f-]{36})"/.exec(output)?.[1];
      expect(guest).toBeDefined();
      expect(output).toMatch(
        /^data: \{"data":\{"source":"cognito-sync".*"datasetName":"notes","syncCount":"2"\}\}$/m,
      );
      expect(output).toMatch(/"notes\.us-east-1:[0-9a-f-]{36}"/);
      expect(output).toMatch(/"title",\s+"Again"/);
    },
    TIMEOUT_MS,
  );

  it('has a JavaScript module that works', async () => {
    const [code = ''] = blocksIn('js').filter((block) => block.startsWith('import '));
    const output = await runScript(process.execPath, ['--input-type=module'], code);
    expect(output).toContain('DatasetExists: false');
  });

  it('has a CommonJS script that works', async () => {
    const [code = ''] = blocksIn('js').filter((block) => block.includes('require('));
    expect(await runScript(process.execPath, ['--input-type=commonjs'], code)).toBe('synced\n');
  });

  it.skipIf(noBoto3)('has a Python script that works', async () => {
    const [code = '', ...others] = blocksIn('python');
    expect(others).toEqual([]);
    expect(await runScript('python3', ['-'], code)).toContain("'DatasetExists': False");
  });
});
