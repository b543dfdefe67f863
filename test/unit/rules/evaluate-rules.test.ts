import { defineRules, json } from 'cognito-sync-backend/rules';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { evaluateRules } from '../../../lib/rules/evaluate-rules.ts';
import type { DatasetOptions, KeyOptions, RulesOptions } from '../../../lib/rules/rules-model.ts';
import type { SyncTriggerEvent } from '../../../lib/rules/sync-trigger-event.ts';
import type { Verdict } from '../../../lib/rules/verdict.ts';
import { IDENTITY, POOL } from '../../fixtures/sync/stream-events.ts';

type Records = Record<string, unknown>;

/** Nothing of it can be changed in place. */
function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

function eventOf(datasetRecords: Records, others: object = {}): SyncTriggerEvent {
  const event = {
    version: 2,
    eventType: 'SyncTrigger',
    region: 'us-east-1',
    identityPoolId: POOL,
    identityId: IDENTITY,
    datasetName: 'game',
    datasetRecords,
    ...others,
  };
  return deepFreeze(JSON.parse(JSON.stringify(event)));
}

const changed = (oldValue: string, newValue: string) => ({ oldValue, newValue, op: 'replace' });
const kept = (value: string) => changed(value, value);
const added = (newValue: string) => ({ newValue, op: 'replace' });
const removed = (oldValue?: string) => ({ ...(oldValue === undefined ? {} : { oldValue }), op: 'remove' });
const dropped = { op: 'remove' };

/** The same answer as JSON, which has no members that are undefined. */
const answerOf = (verdict: Verdict) =>
  verdict.kind === 'answer' ? JSON.parse(JSON.stringify(verdict.event)) : verdict;
const recordsOf = (verdict: Verdict) => answerOf(verdict).datasetRecords ?? verdict;
const reasonOf = (verdict: Verdict) => (verdict.kind === 'rejected' ? verdict.reason : null);
const decisionsOf = ({ decisions }: Verdict) =>
  decisions.map(({ rule, key, action }) => [rule.replace('datasets.game.', ''), key, action]);

const evaluate = (rules: RulesOptions, records: Records) =>
  evaluateRules(defineRules(rules), eventOf(records));
const ofDataset = (game: DatasetOptions, records: Records, rules: RulesOptions = {}) =>
  evaluate({ ...rules, datasets: { game } }, records);
/** One change of the key `a`, by its rule. */
const ofKey = (a: KeyOptions, change: object, rules: RulesOptions = {}) =>
  ofDataset({ keys: { a } }, { a: change }, rules);
const isTaken = (a: KeyOptions, change: object) => ofKey(a, change).decisions.length === 0;

describe('a change', () => {
  it.each<[string, KeyOptions, object, boolean]>([
    ['of what the server owns', { serverOwned: true }, changed('1', '2'), false],
    ['that makes what the server owns', { serverOwned: true }, added('2'), false],
    ['that removes what the server owns', { serverOwned: true }, removed('1'), false],
    ['of what is immutable', { immutable: true }, changed('1', '2'), false],
    ['that removes what is immutable', { immutable: true }, removed('1'), false],
    ['that makes what is immutable from then on', { immutable: true }, added('1'), true],
    ['that removes what is not removable', { removable: false }, removed('1'), false],
    [
      'by null, of what is not removable',
      { removable: false },
      { ...changed('1', ''), newValue: null },
      false,
    ],
    ['of what is not removable', { removable: false }, changed('1', '2'), true],
    ['of as many bytes as may be', { maxBytes: 4 }, added('éé'), true],
    ['of a byte more', { maxBytes: 3 }, added('éé'), false],
    ['that removes what was too long', { maxBytes: 0 }, removed('long'), true],
    ['that fits a schema', { schema: z.string().regex(/^\d+$/) }, added('12'), true],
    ['that does not fit a schema', { schema: z.string().regex(/^\d+$/) }, added('x'), false],
    [
      'that a schema would coerce or complete',
      { schema: json(z.object({ a: z.string().default('') })) },
      added('{}'),
      true,
    ],
    ['that removes what fits no schema', { schema: z.never() }, removed('1'), true],
    ['up', { monotonic: 'increasing' }, changed('9', '10'), true],
    ['to the same number in other letters', { monotonic: 'increasing' }, changed('10', '1e1'), true],
    ['down', { monotonic: 'increasing' }, changed('10', '9'), false],
    ['up where it must go down', { monotonic: 'decreasing' }, changed('9', '10'), false],
    ['down where it must', { monotonic: 'decreasing' }, changed('10', '9'), true],
    ['to what is no number', { monotonic: 'increasing' }, changed('1', 'x'), false],
    ['to what is no number by JSON', { maxDelta: 100 }, added('0x10'), false],
    ['from what is no number', { monotonic: 'increasing', maxDelta: 1 }, changed('x', '-5'), true],
    ['from nothing', { monotonic: 'increasing', maxDelta: 1 }, added('500'), true],
    ['by as much as may be', { maxDelta: 5 }, changed('10', '5'), true],
    ['by more', { maxDelta: 5 }, changed('10', '4.9'), false],
    [
      'to what is too large to be compared',
      { monotonic: 'increasing' },
      changed('1', '9007199254740992'),
      false,
    ],
    ['to the largest that can be', { monotonic: 'increasing' }, changed('1', '9007199254740991'), true],
    ['to what is too far below zero', { monotonic: 'decreasing' }, changed('1', '-9007199254740992'), false],
    [
      'from what is too large',
      { monotonic: 'increasing', maxDelta: 1 },
      changed('9007199254740993', '5'),
      true,
    ],
    [
      'between two that are one as doubles',
      { monotonic: 'increasing' },
      changed('9007199254740993', '9007199254740992'),
      false,
    ],
    ['that adds what is too large', { maxDelta: 5 }, added('1e300'), false],
    ['that removes a number', { monotonic: 'increasing', maxDelta: 1 }, removed('10'), true],
    ['that validate takes', { validate: () => true }, added('1'), true],
    ['that validate says nothing of', { validate: () => undefined }, added('1'), true],
    ['that validate refuses', { validate: () => false }, added('1'), false],
    ['that validate refuses in words', { validate: () => 'no' }, added('1'), false],
    ['that validate refuses in an empty text', { validate: () => '' }, added('1'), false],
    ['that removes what validate keeps', { validate: ({ op }) => op !== 'remove' }, removed('1'), false],
  ])('%s', (_, options, change, taken) => {
    expect(isTaken(options, change)).toBe(taken);
    const verdict = ofKey(options, change);
    const oldValue = 'oldValue' in change ? String(change.oldValue) : null;
    const refused = oldValue === null ? dropped : kept(oldValue);
    expect(recordsOf(verdict)).toEqual({ a: taken ? change : refused });
  });

  it('is judged by the first rule that refuses it', () => {
    const all: KeyOptions = {
      serverOwned: true,
      immutable: true,
      removable: false,
      maxBytes: 0,
      schema: z.never(),
      validate: () => false,
    };
    const reasons: (string | undefined)[] = [];
    for (const name of ['serverOwned', 'immutable', 'maxBytes', 'schema', 'validate'] as const) {
      reasons.push(ofKey(all, changed('1', '2')).decisions[0]?.reason);
      delete all[name];
    }
    expect(reasons).toEqual([
      'it is server-owned',
      'it is immutable',
      'its value is longer than 0 bytes',
      'its value does not match the schema',
      'validate refuses it',
    ]);
  });

  it('is there only where something is another than before', () => {
    const records = {
      kept: kept('bad'),
      gone: dropped,
      void: { op: 'replace' },
      tombstone: null,
      odd: { newValue: 5, op: 'replace' },
      future: { newValue: 'x', op: 'merge' },
      text: 'text',
    };
    const verdict = ofDataset({ unknownKeys: 'reject', keys: { kept: { validate: () => false } } }, records);
    expect(verdict).toEqual({ kind: 'answer', event: eventOf(records), decisions: [] });
  });
});

describe('what is not valid', () => {
  const records = { had: changed('1', '2'), new: added('2'), gone: removed('1'), fine: added('f') };
  const keys = (onInvalid: object) =>
    Object.fromEntries(['had', 'new', 'gone'].map((key) => [key, { validate: () => false, ...onInvalid }]));
  const reverted = { had: kept('1'), new: dropped, gone: kept('1'), fine: added('f') };

  it.each(['revert', 'drop'] as const)(
    'is by %s the old value, or removed where there is none',
    (onInvalid) => {
      const verdict = ofDataset({ keys: keys({}) }, records, { onInvalid });
      expect(recordsOf(verdict)).toEqual(reverted);
      expect(decisionsOf(verdict)).toEqual([
        ['keys.had', 'had', 'reverted'],
        ['keys.new', 'new', 'dropped'],
        ['keys.gone', 'gone', 'reverted'],
      ]);
    },
  );

  it('is reverted where nothing is said', () => {
    expect(recordsOf(ofDataset({ keys: keys({}) }, records))).toEqual(reverted);
  });

  it.each<[string, RulesOptions['onInvalid'], DatasetOptions['onInvalid'], KeyOptions['onInvalid'], boolean]>(
    [
      ['all rules', 'reject', undefined, undefined, true],
      ['the dataset, before all rules', 'reject', 'drop', undefined, false],
      ['the dataset', 'revert', 'reject', undefined, true],
      ['the key, before the dataset', 'reject', 'reject', 'revert', false],
      ['the key', undefined, undefined, 'reject', true],
    ],
  )('is dealt with by what is said for %s', (_, ofRules, dataset, key, isRejected) => {
    const onInvalid = <Choice>(choice: Choice | undefined) =>
      choice === undefined ? {} : { onInvalid: choice };
    const verdict = ofDataset(
      { ...onInvalid(dataset), keys: keys(onInvalid(key)) },
      records,
      onInvalid(ofRules),
    );
    expect(verdict.kind).toBe(isRejected ? 'rejected' : 'answer');
  });

  it('rejects the call by the first such key of the event, in the words of validate', () => {
    const verdict = ofDataset(
      {
        keys: {
          z: { maxBytes: 0 },
          b: { validate: ({ newValue }) => `${newValue} is taken`, onInvalid: 'reject' },
          a: { maxBytes: 0, onInvalid: 'reject' },
        },
      },
      { z: added('z'), b: added('secret'), a: added('a') },
    );
    expect(verdict).toEqual({
      kind: 'rejected',
      reason: 'b: secret is taken',
      decisions: [
        { rule: 'datasets.game.keys.b', key: 'b', action: 'rejected', reason: 'validate refuses it' },
      ],
    });
  });

  it('is explained without the value, also where a schema quotes it', () => {
    const schema = json(z.object({ stars: z.number({ error: ({ input }) => `${input}?` }) }));
    const verdict = ofKey({ schema, onInvalid: 'reject' }, added('{"stars":"secret"}'));
    expect(reasonOf(verdict)).toBe('a: its value does not match the schema');
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });

  it('is explained without names out of the value', () => {
    const schema = json(z.record(z.string(), z.number()));
    const verdict = ofKey({ schema, onInvalid: 'reject' }, added('{"secret":"text"}'));
    expect(reasonOf(verdict)).toBe('a: its value does not match the schema');
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });

  it('leaves room for the reason beside a long key', () => {
    const key = 'k'.repeat(1_024);
    expect(
      reasonOf(ofDataset({ keys: { '*': { maxBytes: 0, onInvalid: 'reject' } } }, { [key]: added('1') })),
    ).toBe(`${'k'.repeat(100)}: its value is longer than 0 bytes`);
  });

  it('is explained in one line that drives no terminal, whatever the key', () => {
    const key = 'evil\u001b[31m\nforged "line" \u009b\u2028\u202e é';
    const game: DatasetOptions = { keys: { '*': { maxBytes: 0, onInvalid: 'reject' } } };
    const verdict = ofDataset(game, { [key]: added('1') });
    expect(reasonOf(verdict)).toBe(
      'evil\\u001b[31m\\nforged \\"line\\" \\u009b\\u2028\\u202e é: its value is longer than 0 bytes',
    );
    expect(verdict.decisions).toMatchObject([{ key }]);
  });

  it('is explained apart where it is too large, as the number itself is right', () => {
    const change = added('9007199254740992');
    expect(reasonOf(ofKey({ maxDelta: 1, onInvalid: 'reject' }, change))).toBe(
      'a: its value is too large to be compared',
    );
  });
});

describe('a key without a rule', () => {
  const records = { a: added('1'), had: changed('1', '2'), gone: removed('1'), known: added('1') };
  const keys = { known: {} };

  it('is taken where nothing is said', () => {
    expect(recordsOf(ofDataset({ keys }, records))).toEqual(records);
  });

  it('is dropped or reverted by drop, and can be removed', () => {
    const verdict = ofDataset({ keys, unknownKeys: 'drop', onInvalid: 'reject' }, records);
    expect(recordsOf(verdict)).toEqual({ ...records, a: dropped, had: kept('1') });
    expect(decisionsOf(verdict)).toEqual([
      ['unknownKeys', 'a', 'dropped'],
      ['unknownKeys', 'had', 'reverted'],
    ]);
  });

  it('rejects the call by reject', () => {
    expect(reasonOf(ofDataset({ keys, unknownKeys: 'reject' }, records))).toBe(
      'a: there is no rule for this key',
    );
    expect(ofDataset({ keys, unknownKeys: 'reject' }, { gone: removed('1') }).kind).toBe('answer');
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty'])('called %s is a key like any other', (key) => {
    const sent = JSON.parse(`{${JSON.stringify(key)}:{"newValue":"1","op":"replace"}}`);
    const verdict = ofDataset({ keys, unknownKeys: 'drop', derive: ({ set }) => set('known', 'x') }, sent);
    expect(Object.entries(recordsOf(verdict))).toEqual([
      [key, dropped],
      ['known', added('x')],
    ]);
  });
});

describe('rewrite', () => {
  it('makes another value, which is judged', () => {
    const a: KeyOptions = { rewrite: ({ value }) => value.trim(), maxBytes: 2 };
    expect(recordsOf(ofKey(a, added(' ab ')))).toEqual({ a: added('ab') });
    expect(decisionsOf(ofKey(a, added(' ab ')))).toEqual([['keys.a', 'a', 'rewritten']]);
    expect(recordsOf(ofKey(a, added(' abc ')))).toEqual({ a: dropped });
    expect(ofKey(a, added('ab')).decisions).toEqual([]);
  });

  it('makes no change of one back to the old value', () => {
    const a: KeyOptions = { rewrite: ({ value }) => value.trim(), immutable: true };
    expect(recordsOf(ofKey(a, changed('ab', ' ab ')))).toEqual({ a: kept('ab') });
  });

  it('is asked of what is changed alone, and told of it', () => {
    const asked: object[] = [];
    const rewrite: KeyOptions['rewrite'] = (change) => {
      asked.push({ ...change });
      return change.value;
    };
    ofDataset({ keys: { '*': { rewrite } } }, { a: changed('1', '2'), b: kept('1'), c: removed('1') });
    expect(asked).toEqual([
      { identityId: IDENTITY, datasetName: 'game', key: 'a', value: '2', oldValue: '1' },
    ]);
  });
});

describe('validate', () => {
  it('is told of the change, and of the records as they were', () => {
    const asked: object[] = [];
    const validate: KeyOptions['validate'] = (change) => {
      asked.push({ ...change, records: { ...change.records } });
      return true;
    };
    ofDataset(
      { keys: { '*': { validate } } },
      { a: changed('1', '2'), b: kept('b'), c: removed('1'), d: added('n') },
    );
    const about = { identityId: IDENTITY, datasetName: 'game', records: { a: '1', b: 'b', c: '1' } };
    expect(asked).toEqual([
      { ...about, key: 'a', op: 'replace', oldValue: '1', newValue: '2' },
      { ...about, key: 'c', op: 'remove', oldValue: '1', newValue: undefined },
      { ...about, key: 'd', op: 'replace', oldValue: undefined, newValue: 'n' },
    ]);
  });

  it('has no effect by what it does to what it is given', () => {
    const validate: KeyOptions['validate'] = (change) => {
      Object.assign(change, { newValue: 'x', oldValue: 'y', key: 'z' });
      return Reflect.set(change.records, 'a', 'x') ? 'the records can be changed' : true;
    };
    const verdict = ofDataset({ keys: { '*': { validate } } }, { a: changed('1', '2'), b: added('3') });
    expect(verdict).toMatchObject({ decisions: [], event: { datasetRecords: { a: changed('1', '2') } } });
  });
});

describe('derive', () => {
  const badge: DatasetOptions = {
    keys: { badge: { serverOwned: true, maxBytes: 4 }, score: { monotonic: 'increasing' } },
    derive: ({ records, set }) => {
      if (Number(records.score) > 100) set('badge', 'gold');
    },
  };

  it('sets what the server owns', () => {
    const verdict = ofDataset(badge, { score: changed('1', '101') });
    expect(recordsOf(verdict)).toEqual({ score: changed('1', '101'), badge: added('gold') });
    expect(decisionsOf(verdict)).toEqual([['derive', 'badge', 'derived']]);
  });

  it('counts before what the device wants of it, and where it is so already says nothing', () => {
    expect(recordsOf(ofDataset(badge, { score: kept('101'), badge: changed('gold', 'lead') }))).toEqual({
      score: kept('101'),
      badge: kept('gold'),
    });
    expect(ofDataset(badge, { score: kept('101'), badge: kept('gold') }).decisions).toEqual([]);
  });

  it('sees the records as they will be, frozen and without a prototype', () => {
    let seen: unknown;
    const derive: DatasetOptions['derive'] = ({ records }) => {
      seen = records;
    };
    const sent = JSON.parse('{"__proto__":{"newValue":"p","op":"replace"}}');
    ofDataset(
      { keys: { a: { immutable: true }, n: { maxBytes: 0 }, r: { rewrite: () => 'R' } }, derive },
      { ...sent, a: changed('1', '2'), b: removed('1'), n: added('n'), r: added('r'), k: kept('k'), t: null },
    );
    expect(Object.getPrototypeOf(seen)).toBeNull();
    expect(Object.isFrozen(seen)).toBe(true);
    expect(Object.entries(seen ?? {}).toSorted()).toEqual([
      ['__proto__', 'p'],
      ['a', '1'],
      ['k', 'k'],
      ['r', 'R'],
    ]);
  });

  it('removes, adds where a tombstone is, and the last word counts', () => {
    const derive: DatasetOptions['derive'] = ({ set, remove }) => {
      remove('a');
      remove('never');
      set('t', '1');
      set('t', '2');
      set('n', '1');
      remove('n');
      remove('d');
    };
    const verdict = ofDataset({ derive }, { a: kept('1'), t: null, d: added('1') });
    expect(recordsOf(verdict)).toEqual({ a: removed('1'), t: added('2'), d: dropped });
    expect(decisionsOf(verdict)).toEqual([
      ['derive', 'a', 'removed'],
      ['derive', 't', 'derived'],
      ['derive', 'd', 'removed'],
    ]);
  });

  it.each<[string, KeyOptions, object, object]>([
    ['too long', { maxBytes: 3 }, kept('old'), kept('old')],
    ['too long beside what the device may', { maxBytes: 3 }, changed('old', 'new'), changed('old', 'new')],
    ['too long where nothing was', { maxBytes: 3, onInvalid: 'drop' }, added('new'), added('new')],
    ['against immutable', { immutable: true }, kept('old'), kept('old')],
    ['against what is no number', { monotonic: 'increasing' }, kept('old'), kept('old')],
    ['against validate', { validate: ({ newValue }) => newValue !== 'derived' }, added('n'), added('n')],
  ])('is judged like the device: %s stays as it would be without it', (_, a, change, expected) => {
    const derive: DatasetOptions['derive'] = ({ set }) => set('a', 'derived');
    expect(recordsOf(ofDataset({ keys: { a }, derive }, { a: change }))).toEqual({ a: expected });
  });

  it('rejects the call where its key says so', () => {
    const derive: DatasetOptions['derive'] = ({ set }) => set('a', 'derived');
    expect(reasonOf(ofDataset({ keys: { a: { maxBytes: 3, onInvalid: 'reject' } }, derive }, {}))).toBe(
      'a: its value is longer than 3 bytes',
    );
    expect(recordsOf(ofDataset({ unknownKeys: 'drop', derive }, {}))).toEqual({});
  });

  it('is rewritten like the device', () => {
    const derive: DatasetOptions['derive'] = ({ set }) => set('a', ' x ');
    expect(
      recordsOf(ofDataset({ keys: { a: { rewrite: ({ value }) => value.trim() } }, derive }, {})),
    ).toEqual({
      a: added('x'),
    });
  });

  it('cannot be gone on with when it has returned', () => {
    let later: (() => void) | undefined;
    const derive: DatasetOptions['derive'] = ({ set }) => {
      later = () => set('a', '1');
    };
    expect(recordsOf(ofDataset({ derive }, {}))).toEqual({});
    expect(() => later?.()).toThrow('derive has returned');
  });

  it('makes no more records than a dataset may have', () => {
    const records = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, kept('v')]));
    const derive: DatasetOptions['derive'] = ({ set }) => set('one more', '1');
    expect(ofDataset({ derive }, records(1_023)).kind).toBe('answer');
    expect(ofDataset({ derive }, records(1_024))).toEqual({
      kind: 'rejected',
      reason: 'the dataset would have more than 1024 records',
      decisions: [expect.objectContaining({ rule: 'datasets.game.derive', key: null, action: 'rejected' })],
    });
    // The service has its own limit, which may be another.
    expect(ofDataset({ derive: () => undefined }, { ...records(1_100), new: added('1') }).kind).toBe(
      'answer',
    );
  });
});

describe('a broken rule', () => {
  const secret = 'secret';
  const broken: [string, string, DatasetOptions][] = [];
  const breaks = (what: string, options: DatasetOptions) => broken.push([what, `${broken.length}`, options]);
  const throws = () => {
    throw new Error(secret);
  };
  const asAny = <Value>(value: unknown): Value => JSON.parse('[]').concat([value])[0];
  const schemaThat = (validate: unknown): KeyOptions => ({
    schema: asAny({ '~standard': { version: 1, vendor: 'test', validate } }),
  });
  breaks('rewrite threw', { keys: { a: { rewrite: throws } } });
  breaks('rewrite returned a promise', { keys: { a: { rewrite: asAny(() => Promise.resolve('x')) } } });
  breaks('rewrite returned a value that is not a string', { keys: { a: { rewrite: asAny(() => 5) } } });
  breaks('rewrite returned a value that contains NUL', { keys: { a: { rewrite: () => '\0' } } });
  breaks('rewrite returned a value that is longer', {
    keys: { a: { rewrite: () => 'x'.repeat(1_048_576) } },
  });
  breaks('schema threw', { keys: { a: schemaThat(throws) } });
  breaks('schema returned a promise', { keys: { a: { schema: z.string().refine(async () => true) } } });
  breaks('schema returned a promise', { keys: { a: schemaThat(() => Promise.reject(new Error(secret))) } });
  breaks('schema returned an invalid result', { keys: { a: schemaThat(() => true) } });
  breaks('schema returned an invalid result', { keys: { a: schemaThat(() => ({ issues: 'x' })) } });
  breaks('reading its result threw', {
    keys: {
      a: schemaThat(() => ({
        get issues() {
          return throws();
        },
      })),
    },
  });
  breaks('validate threw', { keys: { a: { validate: throws } } });
  breaks('validate returned a promise', {
    keys: { a: { validate: asAny(() => Promise.reject(new Error(secret))) } },
  });
  breaks('validate returned neither a boolean nor a string', { keys: { a: { validate: asAny(() => 1) } } });
  breaks('validate returned neither a boolean nor a string', {
    keys: { a: { validate: asAny(() => null) } },
  });
  breaks('validate threw', {
    keys: { a: { validate: asAny(() => Object.defineProperty({}, 'then', { get: throws })) } },
  });
  breaks('derive threw', { derive: throws });
  breaks('derive returned a promise', { derive: () => Promise.reject(new Error(secret)) });
  breaks('derive used a key that is not 1', { derive: ({ set }) => set('', '1') });
  breaks('derive used a key that is not 1', { derive: ({ remove }) => remove('k'.repeat(1_025)) });
  breaks('derive used a key that contains NUL', { derive: ({ set }) => set('\ud800', '1') });
  breaks('derive used a key that is not a string', { derive: ({ set }) => set(asAny(5), '1') });
  breaks('derive set a value that contains NUL', { derive: ({ set }) => set('x', '\0') });
  breaks('derive set a value that is longer', { derive: ({ set }) => set('x', 'v'.repeat(1_048_576)) });
  breaks('derive set a value that is not a string', { derive: ({ set }) => set('x', asAny(undefined)) });
  breaks('derive set a value that is not a string', { derive: ({ set }) => set('x', asAny(null)) });

  const records = { first: added('1'), a: changed('old', 'new'), gone: removed('1'), k: kept('k') };

  it.each(broken)('(%s) [%s] rejects the call where nothing is said', (what, _, game) => {
    const verdict = ofDataset(game, records);
    const rule = game.keys ? 'datasets.game.keys.a' : 'datasets.game.derive';
    expect(reasonOf(verdict)).toMatch(`${rule} failed: ${what}`);
    expect(verdict.decisions).toEqual([
      expect.objectContaining({ rule, key: game.keys ? 'a' : null, action: 'rule-error' }),
    ]);
    expect(JSON.stringify(verdict)).not.toContain(secret);
  });

  it.each(broken)('(%s) [%s] takes back all changes by revert', (_, __, game) => {
    const verdict = ofDataset(game, records, { onRuleError: 'revert' });
    expect(recordsOf(verdict)).toEqual({ first: dropped, a: kept('old'), gone: kept('1'), k: kept('k') });
    expect(verdict.decisions.map(({ action }) => action)).toEqual([
      'rule-error',
      'dropped',
      'reverted',
      'reverted',
    ]);
  });

  it.each(broken)('(%s) [%s] is as if it were not there by allow', (_, __, game) => {
    const verdict = ofDataset(game, records, { onRuleError: 'allow' });
    expect(recordsOf(verdict)).toEqual(records);
    expect(verdict.decisions.map(({ action }) => action)).toEqual(['rule-error']);
  });

  it('by allow leaves the rules beside it', () => {
    const a: KeyOptions = {
      rewrite: throws,
      schema: z.string().refine(async () => true),
      validate: () => false,
    };
    const verdict = ofKey(a, changed('old', 'new'), { onRuleError: 'allow' });
    expect(recordsOf(verdict)).toEqual({ a: kept('old') });
    expect(verdict.decisions.map(({ action }) => action)).toEqual(['rule-error', 'rule-error', 'reverted']);
  });

  it('takes back by revert also what was derived before it', () => {
    const game: DatasetOptions = {
      keys: { b: { validate: throws } },
      derive: ({ set }) => {
        set('k', 'derived');
        set('n', 'derived');
        set('b', '1');
      },
    };
    const verdict = ofDataset(game, { k: kept('k'), a: changed('1', '2') }, { onRuleError: 'revert' });
    expect(recordsOf(verdict)).toEqual({ k: kept('k'), a: kept('1') });
    expect(decisionsOf(verdict)).toEqual([
      ['keys.b', 'b', 'rule-error'],
      ['datasets.game', 'a', 'reverted'],
    ]);
  });

  it('takes back what was set before it failed', () => {
    const derive: DatasetOptions['derive'] = ({ set }) => {
      set('x', '1');
      throws();
    };
    expect(recordsOf(ofDataset({ derive }, records, { onRuleError: 'allow' }))).toEqual(records);
  });
});

describe('an event', () => {
  const rules = defineRules({ onInvalid: 'reject', datasets: { game: { unknownKeys: 'reject' } } });

  it.each<[string, unknown]>([
    ['of another type', eventOf({ a: added('1') }, { eventType: 'Other' })],
    ['of another dataset', eventOf({ a: added('1') }, { datasetName: 'other' })],
    ['without a dataset', eventOf({ a: added('1') }, { datasetName: null })],
    ['that is null', null],
    ['that is a text', 'event'],
  ])('%s is answered as it came', (_, event) => {
    // @ts-expect-error what is no event
    const verdict = evaluateRules(rules, event);
    expect(verdict).toEqual({ kind: 'answer', event, decisions: [] });
  });

  it.each([null, [], 'x', undefined])('without records (%o) is rejected', (datasetRecords) => {
    expect(evaluateRules(rules, eventOf({}, { datasetRecords }))).toMatchObject({
      kind: 'rejected',
      reason: 'the event has no datasetRecords',
    });
  });

  it('of a later version keeps what is not known of it', () => {
    const others = { version: 3, more: { deep: [1] } };
    const sent = {
      a: { ...changed('1', '2'), lastModified: 5 },
      b: { ...added('1'), lastModified: 6 },
      t: null,
    };
    const verdict = evaluateRules(
      defineRules({ datasets: { '*': { unknownKeys: 'drop', derive: ({ set }) => set('c', '1') } } }),
      eventOf(sent, others),
    );
    expect(answerOf(verdict)).toEqual(
      eventOf({ a: { ...kept('1'), lastModified: 5 }, b: { ...dropped, lastModified: 6 }, t: null }, others),
    );
    expect(Object.keys(recordsOf(verdict))).toEqual(['a', 'b', 't']);
  });
});

describe('rules that observe', () => {
  const observe: RulesOptions = { mode: 'observe' };

  it('change nothing, and tell what they would have', () => {
    const records = { a: changed('2', '1'), b: added('1') };
    const game: DatasetOptions = {
      keys: { a: { monotonic: 'increasing' } },
      unknownKeys: 'drop',
      derive: ({ remove }) => remove('a'),
    };
    const verdict = ofDataset(game, records, observe);
    expect(answerOf(verdict)).toEqual(eventOf(records));
    expect(verdict.decisions).toEqual(ofDataset(game, records).decisions);
    expect(decisionsOf(verdict)).toEqual([
      ['keys.a', 'a', 'reverted'],
      ['unknownKeys', 'b', 'dropped'],
      ['derive', 'a', 'removed'],
    ]);
  });

  it('reject nothing', () => {
    const verdict = ofKey({ maxBytes: 0, onInvalid: 'reject' }, added('1'), observe);
    expect(recordsOf(verdict)).toEqual({ a: added('1') });
    expect(decisionsOf(verdict)).toEqual([['keys.a', 'a', 'rejected']]);
  });
});
