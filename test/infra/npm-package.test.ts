import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, it } from 'vitest';
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

it(
  'npm run build creates a package that an empty project can install and use in the documented test',
  async ({ skip }) => {
    const dist = join(inject('runFolder'), 'dist');
    const app = join(inject('runFolder'), 'app');
    await run(process.execPath, ['infra/package/build.ts', dist], ROOT);

    const manifest = JSON.parse(await readFile(join(dist, 'package.json'), 'utf8'));
    expect(manifest).toMatchObject({ name: 'cognito-sync-backend', engines: { node: '>=22.18' } });
    expect([manifest.devDependencies, manifest.optionalDependencies]).toEqual([undefined, undefined]);
    for (const { types, default: code } of [manifest.exports['./rules'], manifest.exports['./testing']])
      expect([types, code].filter((path) => !existsSync(join(dist, path)))).toEqual([]);

    await mkdir(app);
    const packed = await run('npm', ['pack', '--silent', '--pack-destination', app], dist);
    await run('npm', ['init', '-y'], app);
    try {
      const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', '--fetch-retries=0'];
      await run('npm', [...install, packed.stdout.trim()], app, NETWORK);
    } catch (error) {
      const { stderr } = error as { stderr: string };
      if (!/ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENOTCACHED/.test(stderr)) throw error;
      console.log('skipped: installing the npm package (npm cannot reach the registry)');
      skip();
    }
    expect(await bytesIn(join(app, 'node_modules'))).toBeLessThan(MAX_INSTALLED_BYTES);

    await writeFile(join(app, 'app.test.mjs'), await documented('testing-your-app.md', 'js'));
    const { stdout } = await run(process.execPath, ['--test'], app);
    expect(stdout).toMatch(/^\S+ pass 1$/m);
    expect(stdout).toMatch(/^\S+ fail 0$/m);

    // A rules file of the user is TypeScript, and the module for tests can be loaded from CommonJS.
    await writeFile(
      join(app, 'rules.ts'),
      `import { defineRules } from 'cognito-sync-backend/rules';
       const unknownKeys: 'drop' = 'drop';
       export default defineRules({ datasets: { game: { unknownKeys, keys: { score: {} } } } });`,
    );
    await writeFile(
      join(app, 'common.cjs'),
      `const { startLocalCloud } = require('cognito-sync-backend/testing');
       const { CognitoSync } = require('@aws-sdk/client-cognito-sync');
       startLocalCloud({ rulesFile: 'rules.ts' }).then(async (cloud) => {
         const [IdentityId] = await cloud.seed([{ datasets: { game: { score: '1', other: '2' } } }]);
         const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
         const client = new CognitoSync({ endpoint: cloud.url, region: 'us-east-1', credentials });
         const IdentityPoolId = 'us-east-1:00000000-0000-4000-8000-000000000001';
         const { Records } = await client.listRecords({ IdentityPoolId, IdentityId, DatasetName: 'game' });
         client.destroy();
         await cloud.close();
         console.log(Records.map(({ Key, Value }) => Key + '=' + Value).join());
       });`,
    );
    expect((await run(process.execPath, ['common.cjs'], app)).stdout).toBe('score=1\n');

    const bin = join(app, 'node_modules/.bin/cognito-sync-backend');
    expect((await run(process.execPath, [bin, '--version'], app)).stdout).toBe(`${manifest.version}\n`);
    const old = "Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } })";
    const preload = `data:text/javascript,${encodeURIComponent(old)}`;
    await expect(run(process.execPath, ['--import', preload, bin], app)).rejects.toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'cognito-sync-backend: Node 20.19.0 is too old; install Node 22.18 or newer\n',
    });
  },
  TIMEOUT_MS,
);
