import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, inject, it, type TestContext } from 'vitest';
import { programEnvironment } from '../fixtures/local/program-environment.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const TIMEOUT_MS = 600_000;
const MAX_INSTALLED_BYTES = 200 * 1024 * 1024;

/** The variables with which npm reaches the registry from a company's network. */
const NETWORK = Object.fromEntries(
  Object.entries(process.env).filter(([name]) =>
    /^(NODE_EXTRA_CA_CERTS|npm_config_.*|https?_proxy)$/i.test(name),
  ),
);

const run = (file: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = {}) =>
  promisify(execFile)(file, args, { cwd, env: { ...programEnvironment(), ...env }, maxBuffer: 1e8 });

/** Returns the first code block of a language in a page of the docs. */
async function documented(page: string, language: string): Promise<string> {
  const text = await readFile(join(ROOT, 'docs', page), 'utf8');
  return new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'ms').exec(text)?.[1] ?? '';
}

async function bytesIn(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = entries.map(async (entry) =>
    entry.isFile() ? (await stat(join(entry.parentPath, entry.name))).size : 0,
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Returns the code of all JavaScript files in a directory. */
async function codeIn(directory: string): Promise<string> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.js'));
  return (await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')))).join('\n');
}

describe('the npm package', { timeout: TIMEOUT_MS }, () => {
  const dist = join(inject('runFolder'), 'dist');
  const app = join(inject('runFolder'), 'app');
  const bin = join(app, 'node_modules/.bin/cognito-sync-backend');
  let isInstalled = false;
  const write = (name: string, text: string) => writeFile(join(app, name), text);
  const skipUnlessInstalled = ({ skip }: Pick<TestContext, 'skip'>) => skip(!isInstalled, 'not installed');
  const readManifest = async () => JSON.parse(await readFile(join(dist, 'package.json'), 'utf8'));

  it('is created by npm run build, with the files that its manifest names', async () => {
    await run(process.execPath, ['infra/package/build.ts', dist], ROOT);
    const manifest = await readManifest();
    expect(manifest).toMatchObject({ name: 'cognito-sync-backend', engines: { node: '>=22.18' } });
    expect([manifest.devDependencies, manifest.optionalDependencies]).toEqual([undefined, undefined]);
    const files = JSON.stringify(manifest.exports).match(/\.\/[^"]+\.(json|js|cjs|ts|cts)/g) ?? [];
    expect(files.length).toBeGreaterThan(4);
    expect(files.filter((file) => !existsSync(join(dist, file)))).toEqual([]);
  });

  it('is not created by npm pack in the checkout', async () => {
    const packed = run('npm', ['pack', '--pack-destination', inject('runFolder')], ROOT);
    await expect(packed).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('run npm run build && npm pack ./dist\n'),
    });
    const packages = (await readdir(inject('runFolder'))).filter((name) => name.endsWith('.tgz'));
    expect(packages).toEqual([]);
  });

  it('has messages that name only commands and pages that the package has', async () => {
    const code = await codeIn(dist);
    expect(code.match(/npm (start|ci|run (?!deploy|package))[^"'`\n]*/g)).toBeNull();
    const pages = new Set(code.match(/docs\/[\w/-]+\.(md|json)/g));
    expect(pages).toContain('docs/examples/stream-event.json');
    expect([...pages].filter((page) => !existsSync(join(dist, page)))).toEqual([]);
  });

  it('can be installed in an empty project, also by an npm that installs no peers', async (test) => {
    const manifest = await readManifest();
    await mkdir(app);
    const packed = await run('npm', ['pack', '--silent', '--pack-destination', app], dist);
    await run('npm', ['init', '-y'], app);
    try {
      const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=0'];
      await run('npm', [...install, '--legacy-peer-deps', packed.stdout.trim()], app, NETWORK);
    } catch (error) {
      const { stderr } = error as { stderr: string };
      if (!/ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENOTCACHED/.test(stderr)) throw error;
      console.log('skipped: installing the npm package (npm cannot reach the registry)');
      test.skip();
    }
    isInstalled = true;
    expect(await bytesIn(join(app, 'node_modules'))).toBeLessThan(MAX_INSTALLED_BYTES);
    // Fails if a peer is missing, or has another version than required.
    await run('npm', ['ls', '--all'], app);
    expect((await run(process.execPath, [bin, '--version'], app)).stdout).toBe(`${manifest.version}\n`);
  });

  describe('in a project', () => {
    beforeEach(skipUnlessInstalled);

    it('passes the documented test', async () => {
      await write('app.test.mjs', await documented('testing-your-app.md', 'js'));
      const { stdout } = await run(process.execPath, ['--test'], app);
      expect(stdout).toMatch(/^\S+ pass 1$/m);
      expect(stdout).toMatch(/^\S+ fail 0$/m);
    });

    it('fails the documented test only with the reason if the service cannot start', async () => {
      const tested = run(process.execPath, ['--test'], app, { SYNC_RULES: '/missing/rules.ts' });
      const { stdout } = await tested.then(
        () => expect.unreachable('the test passed'),
        (error: { stdout: string }) => error,
      );
      expect(stdout).toContain('sync rules: cannot load /missing/rules.ts');
      expect(stdout).not.toContain('Cannot read properties of undefined');
    });

    it('can be used from CommonJS, with rules in TypeScript and with the query API', async () => {
      await write(
        'rules.ts',
        `import { defineRules } from 'cognito-sync-backend/rules';
         const unknownKeys: 'drop' = 'drop';
         export default defineRules({ datasets: { game: { unknownKeys, keys: { score: {} } } } });`,
      );
      await write(
        'common.cjs',
        `const { startLocalCloud } = require('cognito-sync-backend/testing');
         const { CognitoSync } = require('@aws-sdk/client-cognito-sync');
         startLocalCloud({ rulesFile: 'rules.ts' }).then(async (cloud) => {
           const [IdentityId] = await cloud.seed([{ datasets: { game: { score: '1', other: '2' } } }]);
           const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
           const client = new CognitoSync({ endpoint: cloud.url, region: 'us-east-1', credentials });
           const IdentityPoolId = 'us-east-1:00000000-0000-4000-8000-000000000001';
           const { Records } = await client.listRecords({ IdentityPoolId, IdentityId, DatasetName: 'game' });
           client.destroy();
           const { status } = await fetch(cloud.url + '/query/identities?pool=' + IdentityPoolId);
           await cloud.close();
           console.log(Records.map(({ Key, Value }) => Key + '=' + Value).join(), status);
         });`,
      );
      expect((await run(process.execPath, ['common.cjs'], app)).stdout).toBe('score=1 200\n');
    });

    it('has types that need no other package', async () => {
      await write(
        'types.ts',
        `import { defineRules, json, number, type SyncRules } from 'cognito-sync-backend/rules';
         import { startLocalCloud, type TestCloud } from 'cognito-sync-backend/testing';
         export const rules: SyncRules = defineRules({
           datasets: { game: { keys: { score: { schema: number() }, bag: { schema: json() } } } },
         });
         export const start = (): Promise<TestCloud> => startLocalCloud({ rulesFile: 'rules.ts' });
         // @ts-expect-error: the option is unknown.
         defineRules({ mod: 'observe' });`,
      );
      await copyFile(join(app, 'types.ts'), join(app, 'module.mts'));
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022'];
      const compile = (...more: string[]) => run(process.execPath, [tsc, ...options, ...more], app);
      await compile('--module', 'node16', 'types.ts', 'module.mts');
      // In such projects, TypeScript ignores the `exports` of a package.
      const node10 = ['--moduleResolution', 'node10', '--ignoreDeprecations', '6.0'];
      await compile('--module', 'commonjs', ...node10, 'types.ts');
    });

    it('has rules that CommonJS can load without support for ES modules', async () => {
      const code = "console.log(typeof require('cognito-sync-backend/rules').defineRules)";
      const args = ['--no-experimental-require-module', '-e', code];
      expect((await run(process.execPath, args, app)).stdout).toBe('function\n');
    });

    it('checks rules with the compiler options of the project', async () => {
      await symlink(join(ROOT, 'node_modules/typescript'), join(app, 'node_modules/typescript'));
      await write('helper.ts', 'export const isShort = (path: string[]) => path.at(-1) !== undefined;\n');
      const rules = (validate: string) => `import { defineRules } from 'cognito-sync-backend/rules';
import { isShort } from './helper.ts';
console.log(new URL('a:b').protocol);
export default defineRules({
  datasets: { game: { keys: { path: { validate: ({ newValue }) => isShort(${validate}) } } } },
});
`;
      await write('valid.ts', rules("newValue?.split('/') ?? []"));
      await write('invalid.ts', rules("newValue.split('/')"));
      const check = (SYNC_RULES: string) =>
        run(process.execPath, [bin, 'rules', 'check'], app, { SYNC_RULES });
      expect((await check('valid.ts')).stdout).toBe(
        'valid.ts: 1 dataset, 1 key rule, 0 examples: 0 errors, 0 notes\n',
      );
      await expect(check('invalid.ts')).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringMatching(
          /^error invalid\.ts:5:75: 'newValue' is possibly 'undefined'\.\n.*: 1 error, 0 notes\n$/,
        ),
      });
    });

    it('uses sync-rules.ts of the project by default, and does not check rules without it', async () => {
      const check = () => run(process.execPath, [bin, 'rules', 'check'], app);
      const path = "process.env.AWS_ENDPOINT_URL + '/console/rules'";
      const show = `fetch(${path}).then((answer) => answer.json()).then(({ path }) => console.log(path))`;
      const executed = () => run(process.execPath, [bin, 'exec', '--', process.execPath, '-e', show], app);
      expect((await executed()).stdout).toBe('null\n');
      await expect(check()).rejects.toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/^cognito-sync-backend: there is no sync-rules\.ts in \/.*\n$/),
      });
      const limited = (unknownKeys: string) => `import { defineRules } from 'cognito-sync-backend/rules';
        export default defineRules({ datasets: { game: { unknownKeys: '${unknownKeys}', keys: { score: {} } } } });`;
      await write('sync-rules.ts', limited('refuse'));
      await expect(check()).rejects.toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^error .*\nsync-rules\.ts: the rules cannot be used: /s),
      });
      await write('sync-rules.ts', limited('drop'));
      expect((await check()).stdout).toBe(
        'sync-rules.ts: 1 dataset, 1 key rule, 0 examples: 0 errors, 0 notes\n',
      );
      await write(
        'seeded.mjs',
        `import { CognitoSync } from '@aws-sdk/client-cognito-sync';
         import { startLocalCloud } from 'cognito-sync-backend/testing';
         const cloud = await startLocalCloud();
         const [IdentityId] = await cloud.seed([{ datasets: { game: { score: '1', other: '2' } } }]);
         const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
         const client = new CognitoSync({ endpoint: cloud.url, region: 'us-east-1', credentials });
         const IdentityPoolId = 'us-east-1:00000000-0000-4000-8000-000000000001';
         const { Records } = await client.listRecords({ IdentityPoolId, IdentityId, DatasetName: 'game' });
         client.destroy();
         await cloud.close();
         console.log(Records.map(({ Key }) => Key).join());`,
      );
      expect((await run(process.execPath, ['seeded.mjs'], app)).stdout).toBe('score\n');
      expect((await executed()).stdout).toBe(`${join(app, 'sync-rules.ts')}\n`);
    });

    it('prints commands that work in the project when it starts', async () => {
      const env = { ...programEnvironment(), PORT: '0', PG_PORT: '0', DATA_DIR: 'data' };
      const child = spawn(process.execPath, [bin, 'start'], { cwd: app, env });
      let output = '';
      for await (const chunk of child.stdout) {
        output += chunk;
        if (output.includes('Stop with Ctrl+C.')) break;
      }
      child.kill('SIGTERM');
      await once(child, 'exit');
      const example = 'node_modules/cognito-sync-backend/docs/examples/stream-event.json';
      expect(output).toContain(`fileb://${example}`);
      expect(existsSync(join(app, example))).toBe(true);
      expect(output).toContain('  npx cognito-sync-backend demo\n');
      expect(output).toMatch(/^│ Rules +sync-rules\.ts +│$/m);
    });

    it('refuses an outdated Node in one line', async () => {
      const old = "Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } })";
      const preload = `data:text/javascript,${encodeURIComponent(old)}`;
      await expect(run(process.execPath, ['--import', preload, bin], app)).rejects.toMatchObject({
        code: 1,
        stdout: '',
        stderr: 'cognito-sync-backend: Node 20.19.0 is too old; install Node 22.18 or newer\n',
      });
    });
  });
});
