import { existsSync } from 'node:fs';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLocalFunctions, type LocalFunctions } from '../../../infra/local/functions/local-functions.ts';
import { functionArn } from '../../../infra/local/names.ts';
import { DEFAULT_RULES_FILE } from '../../../lib/rules/file/rules-path.ts';
import { makeRulesFolder, type RulesFolder, rulesOfSize } from '../../fixtures/rules/rules-folder.ts';

const ROOT = new URL('../../../', import.meta.url);
const TIMEOUT_MS = 20_000;

/**
 * Functions that load fast. `reader` returns its rules. If the event has `started` and `mayEnd`, it creates the file
 * `started` and waits until the file `mayEnd` exists.
 */
const HANDLERS = {
  reader: `
    import { existsSync, writeFileSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import rules from ${JSON.stringify(pathToFileURL(DEFAULT_RULES_FILE).href)};
    export const handler = async ({ started, mayEnd }) => {
      if (started) writeFileSync(started, '');
      while (mayEnd && !existsSync(mayEnd)) await sleep(5);
      return rules;
    };`,
  count: 'let calls = 0; export const handler = async () => (calls += 1);',
  broken: "throw new Error('not loadable');",
};
/** Rules that create the file `loading` while they are loaded, and then wait until the file `gate` exists. */
const GATED = `
  import { existsSync, writeFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  writeFileSync(new URL('loading', import.meta.url), '');
  while (!existsSync(new URL('gate', import.meta.url))) await sleep(5);
  export default 'gated';`;

let folder: RulesFolder;
let functions: LocalFunctions;
let log: string[];

beforeEach(async () => {
  folder = await makeRulesFolder();
  for (const [name, code] of Object.entries(HANDLERS)) await folder.write(`${name}.mjs`, code);
  await folder.write('rules.ts', "export default 'first';");
  functions = open();
});
afterEach(() => folder.remove());

function open(): LocalFunctions {
  log = [];
  const moduleOf = (name: string) => pathToFileURL(at(`${name}.mjs`));
  const opened = createLocalFunctions({
    modules: {
      reader: moduleOf('reader'),
      count: moduleOf('count'),
      broken: moduleOf('broken'),
      'sync-trigger': new URL('functions/sync-trigger.ts', ROOT),
    },
    region: 'eu-west-1',
    rulesFile: folder.rulesFile,
    logger: {
      info: (line) => log.push(`info: ${line}`),
      error: (line) => log.push(`error: ${line}`),
    },
  });
  onTestFinished(() => opened.close());
  return opened;
}

const at = (name: string) => join(folder.path, name);
const call = (name: string, event: object = {}) =>
  functions.invoke(functionArn('eu-west-1', name), event, { identityId: '', timeoutMs: TIMEOUT_MS });
const read = (event: object = {}) => call('reader', event);
const until = (condition: () => unknown) => vi.waitFor(condition, { timeout: TIMEOUT_MS, interval: 20 });
const untilRead = (rules: string) => until(async () => expect(await read()).toBe(rules));
const loaded = () => `info: sync rules: loaded ${folder.rulesFile}`;
const notLoaded = (reason: string) =>
  `error: sync rules: cannot load ${folder.rulesFile}: ${reason}; updates are rejected until the rules can be loaded`;

describe('sync rules in the local cloud', () => {
  it.each([
    ['replaced', () => folder.write('rules.ts', "export default 'second';")],
    ['written in place', () => writeFile(folder.rulesFile, "export default 'second';")],
    [
      'removed and created again',
      async () => {
        await rm(folder.rulesFile);
        await folder.write('rules.ts', "export default 'second';");
      },
    ],
    [
      'saved twice',
      async () => {
        await folder.write('rules.ts', "export default 'other';");
        await folder.write('rules.ts', "export default 'second';");
      },
    ],
  ])('take effect soon after their file is %s, which is logged', async (_, change) => {
    expect(await read()).toBe('first');
    expect(log).toEqual([]);
    await change();
    await untilRead('second');
    await until(() => expect(log.at(-1)).toBe(loaded()));
  });

  it.each([
    ['a file that they import', "export { default } from './max.ts';", 'max.ts'],
    ['a file that an imported file imports', "export { default } from './between.ts';", 'max.ts'],
    ['a file imported by a name from package.json', "export { default } from '#max';", 'max.ts'],
    ['a JSON import', "import max from './max.json' with { type: 'json' }; export default max;", 'max.json'],
  ])('take effect soon after %s changes', async (_, code, name) => {
    const content = (text: string) => (name.endsWith('.json') ? `"${text}"` : `export default '${text}';`);
    await folder.write('package.json', '{ "imports": { "#max": "./max.ts" } }');
    await folder.write('between.ts', "import max from './max.ts'; export default max;");
    await folder.write(name, content('first'));
    await folder.write('rules.ts', code);
    expect(await read()).toBe('first');
    await folder.write(name, content('second'));
    await untilRead('second');
  });

  it('that cannot be loaded reject every call, and are logged once per change', async () => {
    expect(await read()).toBe('first');
    await folder.write('rules.ts', '\nexport default (;');
    const reason = `Expression expected (${folder.rulesFile}:2)`;
    await until(() => expect(log).toEqual([notLoaded(reason)]));
    for (const _ of [1, 2]) await expect(read()).rejects.toMatchObject({ reason: 'threw', message: reason });
    expect(log).toHaveLength(1);

    await appendFile(folder.rulesFile, ' ');
    await until(() => expect(log).toEqual([notLoaded(reason), notLoaded(reason)]));
    await folder.write('rules.ts', "export default 'second';");
    await until(() => expect(log.at(-1)).toBe(loaded()));
    expect(await read()).toBe('second');
  });

  it('that were removed reject every call until they exist again', async () => {
    expect(await read()).toBe('first');
    await rm(folder.rulesFile);
    await until(() => expect(log).toEqual([expect.stringMatching(/cannot load .*rules\.ts: ENOENT/)]));
    await expect(read()).rejects.toMatchObject({ reason: 'threw', message: /ENOENT/ });
    await folder.write('rules.ts', "export default 'back';");
    await until(() => expect(log.at(-1)).toBe(loaded()));
    expect(await read()).toBe('back');
  });

  it('are loaded once a missing import exists', async () => {
    await folder.write('rules.ts', "export { default } from './lacking.ts';");
    await expect(read()).rejects.toMatchObject({ reason: 'threw', message: /Cannot find module .*lacking/ });
    await folder.write('lacking.ts', "export default 'found';");
    await until(() => expect(log.at(-1)).toBe(loaded()));
    expect(await read()).toBe('found');
  });

  it('are logged with their error on one line', async () => {
    expect(await read()).toBe('first');
    await folder.write('rules.ts', "export default 1; throw new Error('a\\r\\n b\\n\\nc');");
    await until(() => expect(log).toEqual([notLoaded(`a b c (${folder.rulesFile}:1:25)`)]));
  });

  it('stay the same for a call in flight if they change; later calls use the changed rules', async () => {
    const inFlight = read({ started: at('started'), mayEnd: at('may end') });
    await until(() => expect(existsSync(at('started'))).toBe(true));
    expect(await read()).toBe('first');
    await folder.write('rules.ts', "export default 'second';");
    await untilRead('second');
    await writeFile(at('may end'), '');
    expect(await inFlight).toBe('first');
    const after = Array.from({ length: 8 }, () => read());
    expect(new Set(await Promise.all(after))).toEqual(new Set(['second']));
  });

  it('are loaded again for a waiting call if they change while they are being loaded', async () => {
    await folder.write('rules.ts', GATED);
    const waiting = read();
    await until(() => expect(existsSync(at('loading'))).toBe(true));
    await folder.write('rules.ts', "export default 'second';");
    expect(await waiting).toBe('second');
    await until(() => expect(log).toEqual([loaded()]));
  });

  it('are loaded with the last change if they change again while they are being loaded', async () => {
    expect(await read()).toBe('first');
    await folder.write('rules.ts', GATED);
    await until(() => expect(existsSync(at('loading'))).toBe(true));
    await folder.write('rules.ts', "export default 'third';");
    await until(() => expect(log).toEqual([loaded()]));
    expect(await read()).toBe('third');
  });

  it('do not affect a function that does not import them', async () => {
    expect([await call('count'), await read()]).toEqual([1, 'first']);
    await folder.write('rules.ts', 'export default (;');
    await until(() => expect(log).toHaveLength(1));
    expect(await call('count')).toBe(2);
  });
});

describe('sync rules that are loaded before the first call', () => {
  it.each([
    ['a default export without defineRules', 'export default {};', /must be the result of defineRules$/],
    ['no default export', 'export const rules = {};', /must be the result of defineRules$/],
    ['a syntax error', '\n\nconst a: number = ;', /: Expression expected \(.*rules\.ts:3\)$/],
    ['a misspelled option', rulesOfSize(1).replace('maxBytes', 'maxByte'), /maxByte: unknown option/],
    ['an option out of bounds', rulesOfSize(-1), /maxBytes: must be an integer/],
    ['a missing import', "import './lacking.ts';", /: Cannot find module '.*lacking\.ts'/],
    ['code that throws', "\nthrow new Error('not today');", /: not today \(.*rules\.ts:2:7\)$/],
  ])('report why they cannot be loaded: %s', async (_, code, reason) => {
    await folder.write('rules.ts', code);
    const problem = await functions.load('sync-trigger');
    expect(problem).toMatch(reason);
    expect(problem?.startsWith(`sync rules: cannot load ${folder.rulesFile}: `)).toBe(true);
    expect(log).toEqual([]);
  });

  it('report the position of an error even while the process is busy', async () => {
    await folder.write('rules.ts', '\n\nconst a: number = ;');
    const loading = functions.load('reader');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000);
    expect(await loading).toMatch(/rules\.ts:3\)$/);
  });

  it('report a missing file', async () => {
    await rm(folder.rulesFile);
    expect(await functions.load('sync-trigger')).toMatch(/rules\.ts: ENOENT: no such file/);
  });

  it('are not loaded again for the first call', async () => {
    expect(await functions.load('count')).toBeUndefined();
    expect([await functions.load('count'), await call('count'), await call('count')]).toEqual([
      undefined,
      1,
      2,
    ]);
  });

  it('include a change that is made while they are loaded', async () => {
    await folder.write('rules.ts', GATED);
    const loading = functions.load('reader');
    await until(() => expect(existsSync(at('loading'))).toBe(true));
    await folder.write('rules.ts', "export default 1; throw new Error('worse');");
    expect(await loading).toContain('worse');
  });

  it('are not reported as the problem if a function that does not import them cannot be loaded', async () => {
    expect(await functions.load('broken')).toBeUndefined();
  });
});
