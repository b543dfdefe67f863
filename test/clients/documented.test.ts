import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openLocalCloud } from '../fixtures/local/local-cloud.ts';
import { emptyShell, isMissing, isMissingModule } from './optional-program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = await readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8');
/** Where the page says that the service is. */
const DOCUMENTED_URL = 'http://127.0.0.1:4580';
/** The AWS CLI alone takes seconds for each of its calls. */
const PATIENCE_MS = 240_000;

const noCli = isMissing('the shell commands of docs/clients.md', 'aws', '--version');
const noBoto3 = isMissingModule('the Python of docs/clients.md', 'boto3');

const { cloud } = await openLocalCloud();

const BLOCKS = [...PAGE.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
  language,
  code: code.replaceAll(DOCUMENTED_URL, cloud.url),
}));
const blocksIn = (wanted: string) =>
  BLOCKS.flatMap(({ language, code }) => (language === wanted ? [code] : []));

/** Gives a program its text on standard input, in the folder of the checkout. @returns what it printed */
async function runScript(program: string, args: string[], script: string): Promise<string> {
  const env = emptyShell({ AWS_MAX_ATTEMPTS: '1', AWS_PAGER: '' });
  const child = spawn(program, args, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let printed = '';
  let complaints = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  child.stdin.end(script);
  const [code] = await once(child, 'close');
  expect({ code, complaints: code === 0 ? '' : complaints }).toEqual({ code: 0, complaints: '' });
  return printed;
}

describe('docs/clients.md', () => {
  it('has nothing but blocks that are run here', () => {
    const languages = new Set(BLOCKS.map(({ language }) => language));
    expect([...languages].sort()).toEqual(['js', 'python', 'sh']);
    expect(blocksIn('js')).toHaveLength(2);
    expect(PAGE.match(/^```/gm)).toHaveLength(BLOCKS.length * 2);
    expect(PAGE.split('\n').length).toBeLessThanOrEqual(150);
  });

  it.skipIf(noCli)(
    'has shell commands that work one after the other',
    async () => {
      // An inbox is read for ever: here until the first message.
      const script = blocksIn('sh')
        .join('\n')
        .replace(/^curl -N (.*)$/m, "grep -m1 '^data: ' <(curl -sN $1 2>/dev/null)");
      const printed = await runScript('bash', ['-eu', '-o', 'pipefail'], script);
      expect(printed).toContain('"Value": "Hello"');
      const guest = /"IdentityId": ?"(us-east-1:[0-9a-f-]{36})"/.exec(printed)?.[1];
      expect(guest).toBeDefined();
      expect(printed).toMatch(
        /^data: \{"data":\{"source":"cognito-sync".*"datasetName":"notes","syncCount":"2"\}\}$/m,
      );
      expect(printed).toMatch(/"notes\.us-east-1:[0-9a-f-]{36}"/);
      expect(printed).toMatch(/"title",\s+"Again"/);
    },
    PATIENCE_MS,
  );

  it('has a module that works', async () => {
    const [code = ''] = blocksIn('js').filter((block) => block.startsWith('import '));
    const printed = await runScript(process.execPath, ['--input-type=module'], code);
    expect(printed).toContain('DatasetExists: false');
  });

  it('has a script that works', async () => {
    const [code = ''] = blocksIn('js').filter((block) => block.includes('require('));
    expect(await runScript(process.execPath, ['--input-type=commonjs'], code)).toBe('synced\n');
  });

  it.skipIf(noBoto3)('has Python that works', async () => {
    const [code = '', ...others] = blocksIn('python');
    expect(others).toEqual([]);
    expect(await runScript('python3', ['-'], code)).toContain("'DatasetExists': False");
  });
});
