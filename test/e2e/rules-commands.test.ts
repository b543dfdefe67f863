import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkTypes } from '../../infra/cli/commands/rules/check-types.ts';
import { type Operator, operateProcess, startOperator } from '../fixtures/local/operator.ts';

const IMPORT = "import { defineRules, json, number } from 'cognito-sync-backend/rules';\n";
const GAME = `${IMPORT}
import { MOST } from './limits.ts';
import { z } from 'zod';
export default defineRules({
  datasets: {
    game: {
      unknownKeys: 'drop',
      keys: {
        score: {
          schema: number(z.number().int()),
          monotonic: 'increasing',
          maxDelta: MOST,
          examples: { accepted: ['5'], refused: ['x', { oldValue: '2', newValue: '1' }] },
        },
        'level-*': { schema: json(z.object({ stars: z.number() })), examples: { accepted: ['{"stars":3}'] } },
        name: { maxBytes: 10, onInvalid: 'reject', validate: ({ newValue }) => newValue !== 'Eve' || 'no Eve here' },
      },
    },
  },
});
`;

/** A folder outside the checkout, without a `package.json`. */
let folder: string;
let operator: Operator;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'rules-')));
  await symlink(fileURLToPath(new URL('../../node_modules', import.meta.url)), join(folder, 'node_modules'));
  await write('limits.ts', 'export const MOST: number = 100;\n');
  await write('game.ts', GAME);
  operator = startOperator(folder);
});
afterAll(async () => {
  await operator.end();
  await rm(folder, { recursive: true, force: true });
});

const write = (name: string, text: string) => writeFile(join(folder, name), text);
const rulesOf =
  (rules: string, input?: string) =>
  (...args: string[]) =>
    operator.operate(['rules', ...args], { SYNC_RULES: rules }, input);
const check = (rules: string) => rulesOf(rules)('check');
/**
 * Writes `text` to a rules file and checks it. The file has a new name, because a process loads each file only once.
 */
async function checkText(text: string) {
  texts += 1;
  const file = `checked-${texts}.ts`;
  await write(file, text);
  return { file, ...(await check(file)) };
}
let texts = 0;
const linesOf = (text: string) => text.trimEnd().split('\n');

describe('rules check', () => {
  it('finds no problems in valid rules', async () => {
    expect(await check('game.ts')).toEqual({
      code: 0,
      stdout: 'game.ts: 1 dataset, 3 key rules, 4 examples: 0 errors, 0 notes\n',
      stderr: '',
    });
  });

  it('loads TypeScript files as ES modules, also in a project whose package.json has the type commonjs', async () => {
    await mkdir(join(folder, 'common'));
    await write('common/package.json', '{"type":"commonjs"}');
    await write('common/limits.ts', 'export const MOST: number = 100;\n');
    await write('common/rules.ts', GAME);
    expect(await check('common/rules.ts')).toMatchObject({
      code: 0,
      stdout: 'common/rules.ts: 1 dataset, 3 key rules, 4 examples: 0 errors, 0 notes\n',
    });
  });

  it('checks the rules of the checkout by default', async () => {
    expect(await operator.operate(['rules', 'check'], {})).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\/.*\/sync-rules\.ts: \d+ datasets?, .*: 0 errors, 0 notes\n$/),
      stderr: '',
    });
  });

  it('checks sync-rules.ts of the working directory, if it exists', async () => {
    await write('sync-rules.ts', `${IMPORT}export default defineRules({ mod: 'observe' });`);
    const { code, stdout } = await operator.operate(['rules', 'check'], {});
    await rm(join(folder, 'sync-rules.ts'));
    expect(stdout).toMatch(/^error sync-rules\.ts:2:\d+: .*\nsync-rules\.ts: the rules cannot be used: /s);
    expect(code).toBe(1);
  });

  it('checks types, also of imported files, and prints the positions', async () => {
    await write('wrong-limit.ts', 'export const MOST: number = 1;\nexport const LEAST: string = MOST;\n');
    const { file, code, stdout, stderr } = await checkText(`${IMPORT}
import { MOST } from './wrong-limit.ts';
const name: string = MOST;
export default defineRules({ datasets: { game: { keys: { name: { validate: ({ newValue }) => newValue.length > 1 } } } } });
console.log(name, json, number, process.pid);
`);
    expect(linesOf(stdout)).toEqual([
      "error wrong-limit.ts:2:14: Type 'number' is not assignable to type 'string'.",
      `error ${file}:4:7: Type 'number' is not assignable to type 'string'.`,
      `error ${file}:5:94: 'newValue' is possibly 'undefined'.`,
      `${file}: 1 dataset, 1 key rule, 0 examples: 3 errors, 0 notes`,
    ]);
    expect(code).toBe(1);
    // What the rules file itself prints goes to standard error.
    expect(stderr).toMatch(/^1 .*\n.*cognito-sync-backend: .*checked-\d+\.ts has 3 errors\n$/s);
  });

  it('reports each misspelt option on its own line, from TypeScript and from the loader', async () => {
    const { code, stdout } = await checkText(
      `${IMPORT}export default defineRules({ mod: 'observe', datasets: { game: { keys: { a: { monotnic: 'increasing' } } } } });`,
    );
    expect(linesOf(stdout)).toEqual([
      expect.stringMatching(/^error checked-\d+\.ts:2:\d+: Object literal may only specify known properties/),
      'error mod: unknown option; did you mean mode?',
      'error datasets.game.keys.a.monotnic: unknown option; did you mean monotonic?',
      expect.stringMatching(/^checked-\d+\.ts: the rules cannot be used: \d errors, 0 notes$/),
    ]);
    expect(code).toBe(1);
  });

  it.each([
    ['const a: number = ;\n', 'Expression expected', 2],
    ['enum Mode { Easy }\n', 'enum is not supported', 2],
    ["const load = () => {\n  throw new Error('my own\\nwords');\n};\nload();\n", 'my own words', 3],
  ])('prints why and where a file cannot be loaded: %j', async (text, message, line) => {
    const { file, code, stdout } = await checkText(`${IMPORT}${text}export default defineRules({});\n`);
    expect(stdout).toMatch(/^checked-\d+\.ts: the rules cannot be used: \d errors?, 0 notes$/m);
    const loading = linesOf(stdout).filter((each) => each.includes(' cannot be loaded: '));
    expect(loading).toEqual([expect.stringContaining(message)]);
    expect(loading[0]).toContain(`${join(folder, file)}:${line}`);
    expect(code).toBe(1);
  });

  it.each([
    ["import 'not-installed';\n", "Cannot find package 'not-installed'"],
    ['export default {};\n', 'the default export of the file must be the result of defineRules'],
  ])('prints the error of %j', async (text, message) => {
    const { code, stdout } = await checkText(text);
    expect(stdout).toContain(message);
    expect(code).toBe(1);
  });

  it('fails if the file does not exist', async () => {
    expect(await check('gone.ts')).toEqual({
      code: 1,
      stdout: `error rules file not found: ${join(folder, 'gone.ts')}\ngone.ts: the rules cannot be used: 1 error, 0 notes\n`,
      stderr: `cognito-sync-backend: ${join(folder, 'gone.ts')} has 1 error\n`,
    });
  });

  it('reports rules that never apply, overlapping rules and wrong examples', async () => {
    const { file, code, stdout } = await checkText(`${IMPORT}
export default defineRules({
  datasets: {
    game: {
      keys: {
        '*a*': {},
        'a*': {},
        score: { schema: number(), examples: { accepted: ['\\u001b[2J'] } },
        name: { validate: () => { throw new Error('oops'); }, examples: { accepted: ['Ada'] } },
      },
    },
    'game-*': {},
    '*-beta': {},
  },
});
`);
    expect(linesOf(stdout)).toEqual([
      'note  datasets.game-*: overlaps with *-beta: both match game-beta; game-* takes precedence',
      'error datasets.game.keys.a*: it never applies: *a* takes precedence and matches every name that this rule matches',
      'error datasets.game.keys.score.examples.accepted[0]: "\\u001b[2J": it is refused: its value does not match the schema',
      'error datasets.game.keys.name.examples.accepted[0]: "Ada": datasets.game.keys.name failed: validate threw',
      `note  datasets.game.keys.name: validate threw: oops (${join(folder, file)}:10:41)`,
      `${file}: 3 datasets, 4 key rules, 2 examples: 3 errors, 2 notes`,
    ]);
    expect(code).toBe(1);
  });

  it('reports async functions, because rules are synchronous', async () => {
    const { code, stdout } = await checkText(
      `${IMPORT}export default defineRules({ datasets: { game: { derive: async () => undefined } } });\n`,
    );
    expect(stdout).toContain('error datasets.game.derive: must not be async: rules are synchronous\n');
    expect(code).toBe(1);
  });

  it('prints one object with --json', async () => {
    const { code, stdout, stderr } = await rulesOf('game.ts')('check', '--json');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stdout)).toMatchObject({ remarks: [], counts: { datasets: 1 } });
  });

  it('does not fail if there are only notes', async () => {
    const { code, stderr } = await checkText(
      `${IMPORT}export default defineRules({ datasets: { 'a*': {}, '*b': {} } });\n`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('notes that types are not checked if TypeScript is not installed', async () => {
    expect(await checkTypes(join(folder, 'game.ts'), async () => null)).toEqual([
      { severity: 'note', text: expect.stringContaining('the types were not checked') },
    ]);
  });
});

describe('a rules file that ends the process', () => {
  const runProcess = (rules: string, ...args: string[]) => {
    const input = '{"datasetName":"game","datasetRecords":{}}';
    return operateProcess(['rules', ...args], { SYNC_RULES: rules }, { cwd: folder, input });
  };

  it.each([
    ['with process.exit', 'process.exit(0);'],
    ['because nothing keeps it running', 'await new Promise(() => {});'],
  ])('%s fails the command', async (_, text) => {
    await write('ends.ts', `${IMPORT}${text}\nexport default defineRules({});\n`);
    const [checked, tried] = await Promise.all([
      runProcess('ends.ts', 'check'),
      runProcess('ends.ts', 'try', '--event', '-'),
    ]);
    for (const { code, stdout, stderr } of [checked, tried]) {
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain('cognito-sync-backend: the rules file ended the process; ');
    }
  });

  it('during a call fails the command', async () => {
    await write(
      'ends-later.ts',
      `${IMPORT}export default defineRules({ datasets: { '*': { derive: () => process.exit(0) } } });\n`,
    );
    expect(await runProcess('ends-later.ts', 'try', '--event', '-')).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'cognito-sync-backend: the rules file ended the process; remove calls of process.exit, and promises that never settle\n',
    });
  });
});

describe('rules try', () => {
  const event = (datasetRecords: unknown, datasetName = 'game') =>
    JSON.stringify({ datasetName, datasetRecords });
  const tried = (input: string, ...options: string[]) =>
    rulesOf('game.ts', input)('try', '--event', '-', ...options);

  it('prints the decision on each change, and the answer', async () => {
    const { code, stdout, stderr } = await tried(
      event({ score: { oldValue: '9', newValue: '1' }, cheat: '1', 'level-1': '{"stars":1}' }),
    );
    const [title, head, ...lines] = linesOf(stdout);
    expect(title).toBe('game of us-east-1:00000000-0000-4000-8000-000000000002');
    expect(head).toMatch(/^key +requested +stored +rule +action +reason$/);
    expect(lines[0]).toMatch(
      /^score +9 -> 1 +9 +datasets\.game\.keys\.score +reverted +it must not go down$/,
    );
    expect(lines[1]).toMatch(/^cheat +\(none\) -> 1 +\(none\) +datasets\.game\.unknownKeys +dropped /);
    expect(lines[2]).toMatch(/^level-1 +.* accepted$/);
    expect(lines.slice(3, 5)).toEqual(['', 'The answer:']);
    expect(JSON.parse(lines.slice(5).join('\n'))).toMatchObject({
      eventType: 'SyncTrigger',
      datasetRecords: { score: { newValue: '9' }, cheat: { op: 'remove' } },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('reads a recorded event from a file, and prints only JSON with --json', async () => {
    const recorded = {
      version: 2,
      eventType: 'SyncTrigger',
      region: 'eu-west-1',
      identityPoolId: 'eu-west-1:1',
      identityId: 'eu-west-1:2',
      datasetName: 'game',
      datasetRecords: { name: { oldValue: 'Ada', newValue: 'Eve', op: 'replace' } },
    };
    await write('event.json', JSON.stringify(recorded, null, 2));
    const { code, stdout } = await rulesOf('game.ts')('try', '--event', 'event.json', '--json');
    expect(JSON.parse(stdout)).toEqual({
      verdict: 'rejected',
      reason: 'name: no Eve here',
      decisions: [
        {
          rule: 'datasets.game.keys.name',
          key: 'name',
          action: 'rejected',
          reason: 'validate refuses the change',
        },
      ],
    });
    expect(code).toBe(0);
    expect((await rulesOf('game.ts')('try', '--event', 'event.json')).stdout).toMatch(
      /\n\nThe call is rejected\. The device receives: name: no Eve here\n$/,
    );
  });

  it('tries several events in order', async () => {
    const { code, stdout } = await tried(`${event({ a: '1' })}\n${event({ score: '1' })}\n`, '--json');
    expect(linesOf(stdout).map((line) => JSON.parse(line).decisions.length)).toEqual([1, 0]);
    expect(code).toBe(0);
  });

  it('escapes control characters in values', async () => {
    const hostile = 'a\u001b[2J\u009b\u202e';
    for (const options of [[], ['--json']]) {
      const { stdout } = await tried(event({ 'level-1': { oldValue: hostile, newValue: '1' } }), ...options);
      expect(stdout).toContain('\\u001b[2J\\u009b\\u202e');
      for (const letter of ['\u001b', '\u009b', '\u202e']) expect(stdout).not.toContain(letter);
    }
  });

  it.each([
    ['a key', ['--event', '-'], '{"datasetName":"game","datasetRecords":{"a\\u001b[2J\\nb":5}}'],
    ['a member', ['--event', '-'], '{"datasetName":"game","datasetRecords":{"a":{"\\u009b\\u202e":5}}}'],
    ['a type', ['--event', '-'], '{"eventType":"\\u009b","datasetName":"game","datasetRecords":{}}'],
    ['a path', ['--event', 'gone\u001b[2J\n.json'], ''],
    ['an option', ['--event', '-', '--\u001b[2J'], ''],
  ])('escapes control characters in errors: %s', async (_, options, input) => {
    const { code, stderr } = await rulesOf('game.ts', input)('try', ...options);
    expect(code).toBeGreaterThan(0);
    expect(stderr).toMatch(/^cognito-sync-backend: .*\\u00[0-9a-f]{2}/);
    expect(stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
    if (code === 1) expect(linesOf(stderr)).toHaveLength(1);
  });

  it('escapes control characters in the path of the rules', async () => {
    for (const args of [['check'], ['try', '--event', '-']]) {
      const { stderr } = await rulesOf('gone\u001b[2J\n.ts', '{}')(...args);
      expect(stderr).toMatch(/^cognito-sync-backend: [^\n]*gone\\u001b\[2J\\u000a\.ts[^\n]*\n$/);
    }
  });

  it('says that rules in mode observe have no effect, and prints what they would do', async () => {
    await write('observe.ts', GAME.replace('defineRules({', "defineRules({ mode: 'observe',"));
    const { code, stdout } = await rulesOf('observe.ts', event({ name: 'Eve' }))('try', '--event', '-');
    expect(stdout).toMatch(/^In mode observe, none of this takes effect:$/m);
    expect(stdout).toMatch(/^name +\(none\) -> Eve +\(none\) +\S+ +rejected/m);
    expect(stdout).toMatch(/^The answer:\n\{$/m);
    expect(stdout).toContain('"newValue": "Eve"');
    expect(code).toBe(0);
  });

  it('says that there are no rules for the dataset', async () => {
    const { stdout } = await tried(event({ a: '1' }, 'other'));
    expect(stdout).toContain('There are no rules for this dataset.\n');
    expect(stdout).toMatch(/^a +\(none\) -> 1 +1 +none +accepted$/m);
  });

  it('fails if rules throw, and prints what they threw', async () => {
    await write(
      'broken.ts',
      `${IMPORT}const fail = () => {\n  throw new Error('oops');\n};
export default defineRules({ datasets: { game: { keys: { a: { validate: fail }, b: { rewrite: fail }, c: { schema: number({ '~standard': { version: 1, vendor: 'x', validate: fail } }) } }, derive: fail } }, onRuleError: 'allow' });\n`,
    );
    const input = event({ a: '1', b: '2', c: '3' });
    const { code, stdout, stderr } = await rulesOf('broken.ts', input)('try', '--event', '-', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'answer' });
    const at = `oops (${join(folder, 'broken.ts')}:3:9)`;
    expect(stderr).toBe(
      `cognito-sync-backend: rules are broken: datasets.game.keys.a: validate threw: ${at}; datasets.game.keys.b: rewrite threw: ${at}; datasets.game.keys.c: schema threw: ${at}; datasets.game.derive: derive threw: ${at}\n`,
    );
    expect(code).toBe(1);
  });

  it.each([
    ['', 'the input is empty'],
    ['{', 'the input is not JSON'],
    ['{"eventType":"Other","datasetName":"game","datasetRecords":{}}', 'has the eventType "Other"'],
  ])('fails with one line for the input %j', async (input, message) => {
    const { code, stdout, stderr } = await tried(input);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^cognito-sync-backend: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  it('fails if the file does not exist or the command line is invalid', async () => {
    expect(await rulesOf('game.ts')('try', '--event', 'gone.json')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^cognito-sync-backend: gone\.json cannot be read: /),
    });
    expect(await rulesOf('game.ts')('try')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('\nUsage:\n  npx cognito-sync-backend rules check [--json]\n'),
    });
  });
});
