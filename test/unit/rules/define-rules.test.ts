import { createRequire } from 'node:module';
import { defineRules, json, number, RulesError } from 'cognito-sync-backend/rules';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SetupError } from '../../../lib/common/errors.ts';
import shipped from '../../../sync-rules.ts';

/** Returns the problems of rules, which may come from a file without type checks. */
function problemsOf(rules: unknown): readonly string[] {
  try {
    // @ts-expect-error these tests pass invalid rules
    defineRules(rules);
  } catch (error) {
    if (error instanceof RulesError) return error.problems;
    throw error;
  }
  return [];
}
const ofKey = (options: unknown) => problemsOf({ datasets: { game: { keys: { score: options } } } });
const AT = 'datasets.game.keys.score';

describe('rules', () => {
  it('accept every option', () => {
    expect(
      problemsOf({
        mode: 'observe',
        onInvalid: 'drop',
        onRuleError: 'allow',
        datasets: {
          'game*': {
            unknownKeys: 'reject',
            onInvalid: 'reject',
            derive: () => undefined,
            keys: {
              score: { schema: number(z.number()), monotonic: 'decreasing', maxDelta: 0.5, maxBytes: 0 },
              'level.*': { schema: json(), removable: false, immutable: false, onInvalid: 'revert' },
              name: { rewrite: () => '', validate: () => true, schema: z.string(), maxBytes: undefined },
              badge: { serverOwned: true, immutable: true, removable: false },
              tried: {
                examples: { accepted: ['', { key: 'tried', newValue: '1' }], refused: [{ oldValue: '' }] },
              },
            },
          },
        },
      }),
    ).toEqual([]);
  });

  it('may be empty', () => {
    const rules = defineRules({});
    expect(rules).toMatchObject({ mode: 'enforce', onRuleError: 'reject' });
    expect(rules.findDatasetRule('game')).toBeUndefined();
  });

  it('are shipped without any dataset', () => {
    expect(shipped).toMatchObject({ mode: 'enforce' });
    expect(shipped.findDatasetRule('game')).toBeUndefined();
  });

  it('can be imported inside this package by the name of the package', () => {
    expect(createRequire(import.meta.url).resolve('cognito-sync-backend/rules')).toMatch(
      /lib\/rules\/public-api\.ts$/,
    );
  });
});

describe('defineRules rejects', () => {
  it('all problems together, in one line', () => {
    const invalid = {
      mod: 'observe',
      onInvalid: 'ignore',
      datasets: { game: { unknownkeys: 'drop', keys: { score: { monotnic: 'increasing', maxBytes: -1 } } } },
    };
    const problems = [
      'mod: unknown option; did you mean mode?',
      'onInvalid: must be revert or drop or reject',
      'datasets.game.unknownkeys: unknown option; did you mean unknownKeys?',
      'datasets.game.keys.score.monotnic: unknown option; did you mean monotonic?',
      'datasets.game.keys.score.maxBytes: must be an integer of 0 or more',
    ];
    expect(problemsOf(invalid)).toEqual(problems);
    // @ts-expect-error this test passes invalid rules
    const define = () => defineRules(invalid);
    expect(define).toThrow(SetupError);
    expect(define).toThrow(`invalid sync rules: ${problems.join('; ')}`);
  });

  it('an unknown option, and lists the known ones', () => {
    expect(problemsOf({ colour: 1 })).toEqual([
      'colour: unknown option; use one of mode, onInvalid, onRuleError, datasets',
    ]);
    expect(ofKey(JSON.parse('{"__proto__":true,"constructor":true}'))).toEqual([
      expect.stringMatching(/score\.__proto__: unknown option/),
      expect.stringMatching(/score\.constructor: unknown option/),
    ]);
  });

  it.each<[string, unknown]>([
    ['rewrite', 'trim'],
    ['serverOwned', 'yes'],
    ['immutable', 1],
    ['removable', null],
    ['maxBytes', 1.5],
    ['maxBytes', '10'],
    ['schema', {}],
    ['schema', /./],
    ['schema', { '~standard': { version: 2, validate: () => ({ value: 1 }) } }],
    ['schema', { '~standard': { version: 1 } }],
    ['monotonic', 'up'],
    ['maxDelta', 0],
    ['maxDelta', Number.NaN],
    ['maxDelta', '5'],
    ['validate', true],
    ['onInvalid', 'allow'],
  ])('%s: %o', (name, value) => {
    expect(ofKey({ [name]: value })).toEqual([expect.stringContaining(`${AT}.${name}: must be `)]);
  });

  it.each([
    ['rewrite', async () => ''],
    ['validate', async function* () {}],
    ['validate', async () => true],
  ])('%s that is async: %o', (name, value) => {
    expect(ofKey({ [name]: value })).toEqual([`${AT}.${name}: must not be async: rules are synchronous`]);
  });

  it('derive that is async', () => {
    const derive = async () => undefined;
    expect(problemsOf({ datasets: { game: { derive } } })).toEqual([
      'datasets.game.derive: must not be async: rules are synchronous',
    ]);
  });

  it.each<[unknown, string]>([
    [['1'], `${AT}.examples: must be an object of options`],
    [{ acepted: [] }, `${AT}.examples.acepted: unknown option; did you mean accepted?`],
    [{ accepted: '1' }, `${AT}.examples.accepted: must be a list of examples`],
    [{ refused: ['1', 1] }, `${AT}.examples.refused: example 2 must be a string, or an object of strings`],
    [{ refused: [{}] }, `${AT}.examples.refused: example 1 must be a string`],
    [{ refused: [{ key: 'a' }] }, `${AT}.examples.refused: example 1 must be a string`],
    [{ refused: [{ key: '', newValue: '1' }] }, `${AT}.examples.refused: example 1 must be a string`],
    [{ refused: [{ newvalue: '1' }] }, `${AT}.examples.refused: example 1 must be a string`],
    [{ refused: [{ newValue: 1 }] }, `${AT}.examples.refused: example 1 must be a string`],
    [{ refused: [null] }, `${AT}.examples.refused: example 1 must be a string`],
  ])('the examples %j', (examples, problem) => {
    expect(ofKey({ examples })).toEqual([expect.stringContaining(problem)]);
  });

  it.each<[string, unknown, string]>([
    ['no rules', undefined, 'the rules: must be an object of options'],
    ['a list', [], 'the rules: must be an object of options'],
    [
      'datasets in a list',
      { datasets: [] },
      'datasets: must be an object whose keys are names or globs and whose values are rules',
    ],
    ['a dataset of null', { datasets: { game: null } }, 'datasets.game: must be an object of options'],
    [
      'keys as a string',
      { datasets: { game: { keys: 'a' } } },
      'datasets.game.keys: must be an object whose keys are names or globs',
    ],
    [
      'derive as a string',
      { datasets: { game: { derive: 'a' } } },
      'datasets.game.derive: must be a function',
    ],
    ['a dataset without a name', { datasets: { '': {} } }, 'datasets: a name or glob must not be empty'],
    ['an unknown mode', { mode: 'off' }, 'mode: must be enforce or observe'],
    ['an unknown onRuleError', { onRuleError: 'drop' }, 'onRuleError: must be reject or revert or allow'],
    [
      'an inherited rule',
      { datasets: { __proto__: { game: {} } } },
      'datasets: must be an object whose keys are names or globs',
    ],
  ])('%s', (_, rules, problem) => {
    expect(problemsOf(rules)).toEqual([expect.stringContaining(problem)]);
  });

  it('a key without a name', () => {
    expect(problemsOf({ datasets: { game: { keys: { '': {} } } } })).toEqual([
      'datasets.game.keys: a name or glob must not be empty',
    ]);
  });

  it.each([
    ['serverOwned and removable', { serverOwned: true, removable: true }],
    ['immutable and removable', { immutable: true, removable: true }],
    ['immutable and monotonic', { immutable: true, monotonic: 'increasing' }],
    ['immutable and maxDelta', { immutable: true, maxDelta: 1 }],
  ])('%s, which contradict each other', (_, options) => {
    expect(ofKey(options)).toEqual([
      expect.stringMatching(/^datasets\.game\.keys\.score: \w+ (and|leaves) /),
    ]);
  });

  it('mistakes at compile time, by types', () => {
    const define = [
      // @ts-expect-error unknown option
      () => defineRules({ datasets: { game: { keys: { score: { monotnic: 'increasing' } } } } }),
      // @ts-expect-error unknown choice
      () => defineRules({ datasets: { game: { unknownKeys: 'dorp' } } }),
      // @ts-expect-error a value is a string
      () => defineRules({ datasets: { game: { keys: { name: { rewrite: () => 1 } } } } }),
      // @ts-expect-error rules are synchronous
      () => defineRules({ datasets: { game: { keys: { name: { validate: async () => true } } } } }),
      // @ts-expect-error a regular expression is not a schema
      () => defineRules({ datasets: { game: { keys: { name: { schema: /a/ } } } } }),
    ];
    expect(define).toHaveLength(5);
  });
});

describe('the rule that applies', () => {
  const pathOf = (names: string[], name: string) =>
    defineRules({ datasets: Object.fromEntries(names.map((glob) => [glob, {}])) }).findDatasetRule(name)
      ?.path;

  it.each<[string, string[], string, string | undefined]>([
    ['is the exact name before any glob', ['game-1*', 'game-1', '*'], 'game-1', 'game-1'],
    ['is the glob with the most literal characters', ['*', 'g*', 'game*', 'ga*'], 'game-1', 'game*'],
    ['is the first of globs with equally many', ['*-1', 'ga*', 'g*1'], 'ga-1', '*-1'],
    ['does not count stars as characters', ['g****', 'ga*'], 'game', 'ga*'],
    ['does not exist if nothing matches', ['game', 'g*x'], 'games', undefined],
    ['is not found on the prototype', ['game'], 'constructor', undefined],
    ['may be named __proto__', ['*', '__proto__'], '__proto__', '__proto__'],
  ])('%s', (_, names, name, found) => {
    expect(pathOf(names, name)).toBe(found && `datasets.${found}`);
  });

  it('is the same on repeated lookups of many names', () => {
    const { findDatasetRule } = defineRules({ datasets: { 'a*': {}, 'ab*': {}, exact: {} } });
    for (let round = 0; round < 2; round += 1) {
      for (let index = 0; index < 5_000; index += 1) {
        expect(findDatasetRule(`a${index}`)?.path).toBe('datasets.a*');
      }
      expect(findDatasetRule('abc')?.path).toBe('datasets.ab*');
      expect(findDatasetRule('exact')?.path).toBe('datasets.exact');
      expect(findDatasetRule('none')).toBeUndefined();
    }
  });

  it('does not change when its options are modified later', () => {
    const keys = { score: { maxBytes: 1 } };
    const rules = defineRules({ datasets: { game: { keys } } });
    keys.score.maxBytes = 100;
    expect(rules.findDatasetRule('game')?.findKeyRule('score')?.options.maxBytes).toBe(1);
  });
});

describe('the schema', () => {
  const accepts = (schema: ReturnType<typeof number>, value: unknown) => {
    const result = schema['~standard'].validate(value);
    return 'value' in result;
  };

  it.each(['0', '-0', '12', '-1.5', '1e3', '1E-3', '0.10'])('of a number accepts %s', (text) => {
    expect(accepts(number(), text)).toBe(true);
  });

  it.each([
    '',
    ' 1',
    '1 ',
    '01',
    '+1',
    '.5',
    '1.',
    '0x10',
    'NaN',
    'Infinity',
    '1e999',
    '1_000',
    '"1"',
    '١',
    1,
  ])('of a number rejects %o', (value) => expect(accepts(number(), value)).toBe(false));

  it.each(['', 'undefined', "{'a':1}", '{"a":1,}', 5])('of JSON rejects %o', (value) => {
    expect(accepts(json(), value)).toBe(false);
  });

  it('may be combined with another schema', () => {
    expect(accepts(number(z.number().int()), '5')).toBe(true);
    expect(accepts(number(z.number().int()), '5.5')).toBe(false);
    expect(accepts(json(z.object({ stars: z.number().max(3) })), '{"stars":3}')).toBe(true);
    expect(accepts(json(z.object({ stars: z.number().max(3) })), '{"stars":4}')).toBe(false);
    expect(accepts(json(z.null()), 'null')).toBe(true);
  });
});
