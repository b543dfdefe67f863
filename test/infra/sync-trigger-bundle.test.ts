import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bundleRules } from '../../infra/stack/bundle/rules-bundle.ts';
import { DEFAULT_RULES_FILE } from '../../lib/rules/file/rules-path.ts';
import { askSyncTrigger } from '../fixtures/rules/ask-sync-trigger.ts';
import { makeRulesFolder, type RulesFolder, rulesOfSize } from '../fixtures/rules/rules-folder.ts';

const OPTIONS = {
  absWorkingDir: fileURLToPath(new URL('../../', import.meta.url)),
  entryPoints: ['functions/sync-trigger.ts'],
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  logLevel: 'silent',
} satisfies BuildOptions;

it('the bundle of the sync trigger is small, without AWS SDK and database driver', async () => {
  const { metafile, outputFiles } = await build({
    ...OPTIONS,
    plugins: [bundleRules(DEFAULT_RULES_FILE)],
    metafile: true,
    write: false,
  });
  const packages = Object.values(metafile.outputs)
    .flatMap(({ inputs }) => Object.entries(inputs))
    .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
    .flatMap(([path]) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  expect([...new Set(packages)].toSorted()).toEqual([
    '@aws-lambda-powertools/commons',
    '@aws-lambda-powertools/logger',
    '@aws-lambda-powertools/metrics',
    '@aws/lambda-invoke-store',
    '@middy/core',
  ]);
  expect(outputFiles[0]?.contents.length).toBeLessThan(120_000);
});

describe('the bundle of the sync trigger with a rules file outside the checkout', () => {
  let folder: RulesFolder;
  beforeEach(async () => {
    folder = await makeRulesFolder();
  });
  afterEach(() => folder.remove());

  async function bundle(): Promise<string> {
    const outfile = join(folder.path, 'sync-trigger.mjs');
    await build({ ...OPTIONS, outfile, plugins: [bundleRules(folder.rulesFile)] });
    return outfile;
  }

  it('applies the rules and their imports', async () => {
    await folder.write('limits.ts', 'export const max: number = 3;');
    await folder.write('rules.ts', `import { max } from './limits.ts'; ${rulesOfSize('max')}`);
    const outfile = await bundle();
    expect(await askSyncTrigger(outfile, 3)).toMatchObject({
      datasetRecords: { score: { newValue: 'xxx' } },
    });
    expect(await askSyncTrigger(outfile, 4)).toBe('score: its value is longer than 3 bytes');
  });

  it('imports sync-rules.ts from the folder of the rules, not from the checkout', async () => {
    await folder.write('sync-rules.ts', 'export const max: number = 2;');
    await folder.write('rules.ts', `import { max } from './sync-rules.ts'; ${rulesOfSize('max')}`);
    expect(await askSyncTrigger(await bundle(), 3)).toBe('score: its value is longer than 2 bytes');
  });

  it.each([
    ['a misspelt option', rulesOfSize(1).replace('maxBytes', 'maxByte'), /maxByte: unknown option/],
    ['no default export', 'export const rules = {};', /must be the result of defineRules/],
    ['a syntax error', 'export default (;', /Expression expected/],
    ['an import of a missing file', "import './lacking.ts';", /Cannot find module .*lacking/],
    ['an endless wait', `${rulesOfSize(1)} await new Promise(() => {});`, /it exited with code/],
    ['a call of process.exit', `${rulesOfSize(1)} process.exit(0);`, /it exited with code/],
  ])('fails to build, with one error, if the rules have %s', async (_, code, reason) => {
    await folder.write('rules.ts', code);
    const problem = `sync rules: cannot load ${folder.rulesFile}: `;
    await expect(bundle()).rejects.toMatchObject({
      errors: [{ text: expect.stringMatching(reason) }],
    });
    await expect(bundle()).rejects.toThrow(problem);
  });

  it('is built with the current rules after an earlier failure', async () => {
    await folder.write('rules.ts', 'export default {};');
    await expect(bundle()).rejects.toThrow();
    await folder.write('rules.ts', rulesOfSize(3));
    expect(await askSyncTrigger(await bundle(), 4)).toBe('score: its value is longer than 3 bytes');
  });

  it('fails to build if the rules file does not exist', async () => {
    await expect(bundle()).rejects.toThrow(/rules\.ts/);
  });
});
