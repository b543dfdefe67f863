import { defineRules, number } from 'cognito-sync-backend/rules';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectRules } from '../../../lib/rules/inspect/inspect-rules.ts';
import { compileGlob } from '../../../lib/rules/match-glob.ts';
import type { DatasetOptions, Examples, KeyOptions, RulesOptions } from '../../../lib/rules/rules-model.ts';

const findingsOf = (rules: RulesOptions) =>
  inspectRules(defineRules(rules)).findings.map(
    ({ severity, place, text }) => `${severity} ${place}: ${text}`,
  );
const ofDataset = (game: DatasetOptions) => findingsOf({ datasets: { game } });
const ofKeys = (names: string[]) => ofDataset({ keys: Object.fromEntries(names.map((name) => [name, {}])) });
const ofDatasets = (names: string[]) =>
  findingsOf({ datasets: Object.fromEntries(names.map((name) => [name, {}])) });
const KEYS = 'datasets.game.keys';

describe('rules that never apply', () => {
  it.each<[string[], string[]]>([
    [['*', 'level-*', 'level-1'], []],
    [['a*', 'b*'], []],
    [
      ['*a*', 'a*'],
      [
        `error ${KEYS}.a*: it never applies: *a* takes precedence and matches every name that this rule matches`,
      ],
    ],
    [['a*', '*a*'], []],
    [
      ['a*', 'a**'],
      [
        `error ${KEYS}.a**: it never applies: a* takes precedence and matches every name that this rule matches`,
      ],
    ],
    [
      ['*', '**'],
      [
        `error ${KEYS}.**: it never applies: * takes precedence and matches every name that this rule matches`,
      ],
    ],
    [['a\0'], [`error ${KEYS}.a\0: no record can have this key: it contains NUL or unpaired surrogates`]],
    [['a*\0'], [`error ${KEYS}.a*\0: no key matches: keys cannot contain a NUL character`]],
    [['😀*', '\ud83d*'], []],
    [['k'.repeat(1_024), `${'😀'.repeat(1_024)}*`], []],
  ])('are found among the keys %j', (names, findings) => expect(ofKeys(names)).toEqual(findings));

  it.each([['k'.repeat(1_025)], [`${'k'.repeat(1_025)}*`]])('are found if their key is too long', (name) => {
    expect(ofKeys([name])).toEqual([expect.stringMatching(/^error .*: no (record|key) /)]);
  });

  const SUFFIX = '.us-east-1:00000000-0000-4000-8000-000000000001';
  it.each<[string, boolean]>([
    ['game', true],
    ['Game_2.0:a-b', true],
    ['g'.repeat(128), true],
    ['g'.repeat(129), false],
    // The name of a copy that a merge of identities creates: the dataset's name, a dot and an identity id.
    [`${'g'.repeat(128)}${SUFFIX}`, true],
    [`${'g'.repeat(129)}${SUFFIX}`, false],
    [`${'g'.repeat(128)}*`, true],
    [`${'g'.repeat(185)}*`, false],
    ['*.us-east-1:*', true],
    ['.', false],
    ['..', false],
    ['.*', true],
    ['my game', false],
    ['my game*', false],
    ['spiel-ü*', false],
  ])('are found unless a dataset can have the name: %s, %o', (name, isPossible) => {
    expect(ofDatasets([name])).toEqual(
      isPossible ? [] : [expect.stringMatching(/^error datasets\.\S.*: no (name of a )?dataset /s)],
    );
  });

  it('are exactly the rules that the lookup finds for no name', () => {
    const names = fc.uniqueArray(
      fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 4 }),
      {
        minLength: 1,
        maxLength: 6,
      },
    );
    const keys = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 8 }));
    fc.assert(
      fc.property(names, keys, (written, lookedUp) => {
        const rules = defineRules({
          datasets: { game: { keys: Object.fromEntries(written.map((name) => [name, {}])) } },
        });
        const find = rules.findDatasetRule('game')?.findKeyRule;
        const found = (key: string) => find?.(key)?.name;
        const unreachable = new Set(
          inspectRules(rules)
            .findings.filter(({ severity }) => severity === 'error')
            .map(({ place }) => place.replace(`${KEYS}.`, '')),
        );
        for (const key of lookedUp) expect(unreachable).not.toContain(found(key));
        // No rule contains `c`, so `c` in place of each star gives the most general name that the glob matches.
        const reached = written.filter((name) => found(name.replaceAll('*', 'c')) === name);
        expect(written.filter((name) => !unreachable.has(name))).toEqual(reached);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('rules that overlap by accident', () => {
  it.each<[string[], string[]]>([
    [
      ['level-*', '*-stars'],
      [`note ${KEYS}.level-*: overlaps with *-stars: both match level-stars; level-* takes precedence`],
    ],
    [['*-bb', 'a-*'], [`note ${KEYS}.*-bb: overlaps with a-*: both match a-bb; *-bb takes precedence`]],
    [['a*', '*bb'], [`note ${KEYS}.a*: overlaps with *bb: both match abb; *bb takes precedence`]],
    // If a glob matches only names that another glob also matches, the overlap is intended.
    [['level-*', '*', 'level-*-stars'], []],
    // A rule for exactly the common names shows that the overlap is intended.
    [['a*', '*b', 'a*b'], []],
    [['a*', '*b', 'ab'], [`note ${KEYS}.a*: overlaps with *b: both match ab; a* takes precedence`]],
    [['a*', 'b*', 'a', 'b'], []],
    // No key is long enough to match both.
    [[`${'a'.repeat(600)}*`, `*${'b'.repeat(600)}`], []],
  ])('are found among the keys %j', (names, findings) => expect(ofKeys(names)).toEqual(findings));

  it('are found among datasets', () => {
    expect(ofDatasets(['game-*', '*-beta'])).toEqual([
      'note datasets.game-*: overlaps with *-beta: both match game-beta; game-* takes precedence',
    ]);
  });

  it('are reported with a name that both rules match and the rule that applies to that name', () => {
    const written = fc.uniqueArray(
      fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 5 }),
      {
        maxLength: 6,
      },
    );
    fc.assert(
      fc.property(written, (names) => {
        for (const finding of ofKeys(names)) {
          const [, place = '', b = '', shared = '', applies = ''] =
            /^note datasets\.game\.keys\.(\S+): overlaps with (\S+): both match (\S+); (\S+) takes precedence$/.exec(
              finding,
            ) ?? [];
          if (place === '') continue;
          expect(compileGlob(place)(shared) && compileGlob(b)(shared)).toBe(true);
          expect(compileGlob(place)(b) || compileGlob(b)(place)).toBe(false);
          const ofTheTwo = defineRules({
            datasets: Object.fromEntries([place, b].map((name) => [name, {}])),
          });
          // The finding names the two rules in the order of the rules file.
          expect(names.indexOf(place)).toBeLessThan(names.indexOf(b));
          expect(ofTheTwo.findDatasetRule(shared)?.name).toBe(applies);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('include unknownKeys if a rule matches every key', () => {
    const noted = ['note datasets.game.unknownKeys: it never applies: the rule for * matches every key'];
    expect(ofDataset({ unknownKeys: 'drop', keys: { a: {}, '*': {} } })).toEqual(noted);
    expect(ofDataset({ unknownKeys: 'drop', keys: { a: {}, 'b*': {} } })).toEqual([]);
    expect(ofDataset({ keys: { '*': {} } })).toEqual([]);
  });
});

describe('examples', () => {
  const ofKey = (name: string, options: KeyOptions, examples: Examples, others: RulesOptions = {}) =>
    findingsOf({ ...others, datasets: { game: { keys: { [name]: { ...options, examples } } } } });
  const score: KeyOptions = { schema: number(), monotonic: 'increasing' };

  it('are not reported if they have the stated result', () => {
    expect(
      ofKey('score', score, {
        accepted: ['0', { newValue: '1' }, { oldValue: '1', newValue: '2' }, { oldValue: '1' }],
        refused: ['x', { oldValue: '2', newValue: '1' }],
      }),
    ).toEqual([]);
    expect(
      ofKey('name', { rewrite: ({ value }) => value.trim(), maxBytes: 3 }, { accepted: [' Ada '] }),
    ).toEqual([]);
    expect(ofKey('name', { removable: false }, { refused: [{ oldValue: 'Ada' }] })).toEqual([]);
  });

  it('are reported with the reason if they have another result', () => {
    expect(
      ofKey('score', score, { accepted: ['0', 'x'], refused: ['5', { oldValue: '1', newValue: '1' }] }),
    ).toEqual([
      `error ${KEYS}.score.examples.accepted[1]: "x": it is refused: its value does not match the schema`,
      `error ${KEYS}.score.examples.refused[0]: "5": it is accepted`,
      `error ${KEYS}.score.examples.refused[1]: {"oldValue":"1","newValue":"1"}: it changes nothing`,
    ]);
  });

  it.each(['revert', 'drop', 'reject'] as const)(
    'count as refused if a rule refuses them with onInvalid %s',
    (onInvalid) => {
      const examples = { refused: ['x', { oldValue: '2', newValue: '1' }], accepted: ['x'] };
      expect(ofKey('score', { ...score, onInvalid }, examples)).toEqual([
        expect.stringMatching(/^error .*accepted\[0\]: "x": it is refused: .*does not match the schema$/),
      ]);
    },
  );

  it.each(['revert', 'reject'] as const)(
    'are evaluated as with mode enforce even if the mode is observe, with onInvalid %s',
    (onInvalid) => {
      const observed = (examples: Examples) =>
        ofKey('score', { ...score, onInvalid }, examples, { mode: 'observe' });
      expect(observed({ refused: ['x'] })).toEqual([]);
      expect(observed({ accepted: ['x'] })).toHaveLength(1);
    },
  );

  it.each(['reject', 'revert', 'allow'] as const)(
    'of a broken rule are reported regardless of the stated result, with onRuleError %s',
    (onRuleError) => {
      const validate = () => {
        throw new Error('oops');
      };
      const broken = ofKey('a', { validate }, { accepted: ['1'], refused: ['2'] }, { onRuleError });
      expect(broken).toEqual([
        `error ${KEYS}.a.examples.accepted[0]: "1": ${KEYS}.a failed: validate threw`,
        `error ${KEYS}.a.examples.refused[0]: "2": ${KEYS}.a failed: validate threw`,
      ]);
    },
  );

  it('of a glob are evaluated with a key that only this glob matches', () => {
    const seen: string[] = [];
    const remember: KeyOptions = {
      validate: ({ key, datasetName, records }) => {
        seen.push(`${datasetName} ${key} ${JSON.stringify(records)}`);
        return true;
      },
      examples: { accepted: ['1', { key: 'level-7', newValue: '1', oldValue: '0' }] },
    };
    expect(
      findingsOf({ datasets: { 'game-*': { keys: { 'level-*': remember, 'level-x': {} } }, 'game-x': {} } }),
    ).toEqual([]);
    expect(seen).toEqual(['game-a level-a {}', 'game-a level-7 {"level-7":"0"}']);
  });

  it('are reported if they name a key to which their rule does not apply', () => {
    const examples = {
      accepted: [
        { key: 'lvl', newValue: '1' },
        { key: 'b', newValue: '1' },
      ],
    };
    expect(ofDataset({ keys: { 'level-*': { examples }, b: {} } })).toEqual([
      expect.stringContaining(`: this rule does not apply to the key of the example`),
      expect.stringContaining(`: this rule does not apply to the key of the example; b does`),
    ]);
  });

  it('are counted, like rules', () => {
    const { counts } = inspectRules(
      defineRules({
        datasets: {
          game: { keys: { a: { examples: { accepted: ['1', '2'] } }, b: { examples: { refused: ['1'] } } } },
          app: { keys: { c: {} } },
        },
      }),
    );
    expect(counts).toEqual({ datasets: 2, keyRules: 3, examples: 3 });
  });
});
