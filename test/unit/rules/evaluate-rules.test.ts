import { defineRules, json } from 'cognito-sync-backend/rules';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { evaluateRules } from '../../../lib/rules/evaluate-rules.ts';
import type { DatasetOptions, KeyOptions, RulesOptions } from '../../../lib/rules/rules-model.ts';
import type { SyncTriggerEvent } from '../../../lib/rules/sync-trigger-event.ts';
import type { Verdict } from '../../../lib/rules/verdict.ts';
import { IDENTITY, POOL } from '../../fixtures/sync/stream-events.ts';

type Records = Record<string, unknown>;

/** Freezes a value and all of its members. */
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

/** Returns the answer without undefined members, because it is converted to JSON and back. */
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
/** Evaluates a change of the key `a`. The parameter `a` holds the options of its rule. */
const ofKey = (a: KeyOptions, change: object, rules: RulesOptions = {}) =>
  ofDataset({ keys: { a } }, { a: change }, rules);
const isAccepted = (a: KeyOptions, change: object) => ofKey(a, change).decisions.length === 0;

describe('a change', () => {
  // The last column: whether the rules accept the change.
  it.each<[string, KeyOptions, object, boolean]>([
    ['of a server-owned key', { serverOwned: true }, changed('1', '2'), false],
    ['that adds a server-owned key', { serverOwned: true }, added('2'), false],
    ['that removes a server-owned key', { serverOwned: true }, removed('1'), false],
    ['of an immutable key', { immutable: true }, changed('1', '2'), false],
    ['that removes an immutable key', { immutable: true }, removed('1'), false],
    ['that adds an immutable key', { immutable: true }, added('1'), true],
    ['that removes a key that is not removable', { removable: false }, removed('1'), false],
    [
      'to null of a key that is not removable',
      { removable: false },
      { ...changed('1', ''), newValue: null },
      false,
    ],
    ['of a key that is not removable', { removable: false }, changed('1', '2'), true],
    ['to a value of maxBytes', { maxBytes: 4 }, added('éé'), true],
    ['to a value of one byte more than maxBytes', { maxBytes: 3 }, added('éé'), false],
    ['that removes a value that is too long', { maxBytes: 0 }, removed('long'), true],
    ['that matches the schema', { schema: z.string().regex(/^\d+$/) }, added('12'), true],
    ['that does not match the schema', { schema: z.string().regex(/^\d+$/) }, added('x'), false],
    [
      'that the schema would coerce or complete',
      { schema: json(z.object({ a: z.string().default('') })) },
      added('{}'),
      true,
    ],
    ['that removes a value that does not match the schema', { schema: z.never() }, removed('1'), true],
    ['that raises an increasing value', { monotonic: 'increasing' }, changed('9', '10'), true],
    ['to the same number in another notation', { monotonic: 'increasing' }, changed('10', '1e1'), true],
    ['that lowers an increasing value', { monotonic: 'increasing' }, changed('10', '9'), false],
    ['that raises a decreasing value', { monotonic: 'decreasing' }, changed('9', '10'), false],
    ['that lowers a decreasing value', { monotonic: 'decreasing' }, changed('10', '9'), true],
    ['to a value that is not a number', { monotonic: 'increasing' }, changed('1', 'x'), false],
    ['to a value that is not a JSON number', { maxDelta: 100 }, added('0x10'), false],
    ['from a value that is not a number', { monotonic: 'increasing', maxDelta: 1 }, changed('x', '-5'), true],
    ['from no value', { monotonic: 'increasing', maxDelta: 1 }, added('500'), true],
    ['by maxDelta', { maxDelta: 5 }, changed('10', '5'), true],
    ['by more than maxDelta', { maxDelta: 5 }, changed('10', '4.9'), false],
    [
      'to a number too large to be compared',
      { monotonic: 'increasing' },
      changed('1', '9007199254740992'),
      false,
    ],
    [
      'to the largest number that can be compared',
      { monotonic: 'increasing' },
      changed('1', '9007199254740991'),
      true,
    ],
    ['to a number too far below zero', { monotonic: 'decreasing' }, changed('1', '-9007199254740992'), false],
    [
      'from a number too large to be compared',
      { monotonic: 'increasing', maxDelta: 1 },
      changed('9007199254740993', '5'),
      true,
    ],
    [
      'between numbers that are equal as doubles',
      { monotonic: 'increasing' },
      changed('9007199254740993', '9007199254740992'),
      false,
    ],
    ['that adds a number that is too large', { maxDelta: 5 }, added('1e300'), false],
    ['that removes a number', { monotonic: 'increasing', maxDelta: 1 }, removed('10'), true],
    ['that validate accepts', { validate: () => true }, added('1'), true],
    ['for which validate returns undefined', { validate: () => undefined }, added('1'), true],
    ['that validate refuses', { validate: () => false }, added('1'), false],
    ['that validate refuses with a reason', { validate: () => 'no' }, added('1'), false],
    ['that validate refuses with an empty string', { validate: () => '' }, added('1'), false],
    ['that validate refuses as a removal', { validate: ({ op }) => op !== 'remove' }, removed('1'), false],
  ])('%s', (_, options, change, accepted) => {
    expect(isAccepted(options, change)).toBe(accepted);
    const verdict = ofKey(options, change);
    const oldValue = 'oldValue' in change ? String(change.oldValue) : null;
    const refused = oldValue === null ? dropped : kept(oldValue);
    expect(recordsOf(verdict)).toEqual({ a: accepted ? change : refused });
  });

  it('is refused by the first rule that it violates', () => {
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
      'validate refuses the change',
    ]);
  });

  it('exists only if the record is well-formed and its value differs from the stored value', () => {
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

describe('an invalid change', () => {
  const records = { had: changed('1', '2'), new: added('2'), gone: removed('1'), fine: added('f') };
  const keys = (onInvalid: object) =>
    Object.fromEntries(['had', 'new', 'gone'].map((key) => [key, { validate: () => false, ...onInvalid }]));
  const reverted = { had: kept('1'), new: dropped, gone: kept('1'), fine: added('f') };

  it.each(['revert', 'drop'] as const)(
    'is reverted with onInvalid %s, or dropped if no value was stored',
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

  it('is reverted by default', () => {
    expect(recordsOf(ofDataset({ keys: keys({}) }, records))).toEqual(reverted);
  });

  it.each<[string, RulesOptions['onInvalid'], DatasetOptions['onInvalid'], KeyOptions['onInvalid'], boolean]>(
    [
      ['all rules', 'reject', undefined, undefined, true],
      ['the dataset over all rules', 'reject', 'drop', undefined, false],
      ['the dataset', 'revert', 'reject', undefined, true],
      ['the key over the dataset', 'reject', 'reject', 'revert', false],
      ['the key', undefined, undefined, 'reject', true],
    ],
  )('follows the onInvalid of %s', (_, ofRules, dataset, key, isRejected) => {
    const onInvalid = <Choice>(choice: Choice | undefined) =>
      choice === undefined ? {} : { onInvalid: choice };
    const verdict = ofDataset(
      { ...onInvalid(dataset), keys: keys(onInvalid(key)) },
      records,
      onInvalid(ofRules),
    );
    expect(verdict.kind).toBe(isRejected ? 'rejected' : 'answer');
  });

  it('rejects the call for the first invalid key whose onInvalid is reject, with the reason from validate', () => {
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
        { rule: 'datasets.game.keys.b', key: 'b', action: 'rejected', reason: 'validate refuses the change' },
      ],
    });
  });

  it('is explained without quoting the value, even if a schema quotes it', () => {
    const schema = json(z.object({ stars: z.number({ error: ({ input }) => `${input}?` }) }));
    const verdict = ofKey({ schema, onInvalid: 'reject' }, added('{"stars":"secret"}'));
    expect(reasonOf(verdict)).toBe('a: its value does not match the schema');
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });

  it('is explained without quoting names of members in the value', () => {
    const schema = json(z.record(z.string(), z.number()));
    const verdict = ofKey({ schema, onInvalid: 'reject' }, added('{"secret":"text"}'));
    expect(reasonOf(verdict)).toBe('a: its value does not match the schema');
    expect(JSON.stringify(verdict)).not.toContain('secret');
  });

  it('is explained with a long key truncated', () => {
    const key = 'k'.repeat(1_024);
    expect(
      reasonOf(ofDataset({ keys: { '*': { maxBytes: 0, onInvalid: 'reject' } } }, { [key]: added('1') })),
    ).toBe(`${'k'.repeat(100)}: its value is longer than 0 bytes`);
  });

  it('is explained in one line with control characters of the key escaped', () => {
    const key = 'evil\u001b[31m\nforged "line" \u009b\u2028\u202e é';
    const game: DatasetOptions = { keys: { '*': { maxBytes: 0, onInvalid: 'reject' } } };
    const verdict = ofDataset(game, { [key]: added('1') });
    expect(reasonOf(verdict)).toBe(
      'evil\\u001b[31m\\nforged \\"line\\" \\u009b\\u2028\\u202e é: its value is longer than 0 bytes',
    );
    expect(verdict.decisions).toMatchObject([{ key }]);
  });

  it('is explained with the range of exact numbers if the number is outside that range', () => {
    const change = added('9007199254740992');
    expect(reasonOf(ofKey({ maxDelta: 1, onInvalid: 'reject' }, change))).toBe(
      'a: its value must be a number from -9007199254740991 to 9007199254740991',
    );
  });
});

describe('a key without a rule', () => {
  const records = { a: added('1'), had: changed('1', '2'), gone: removed('1'), known: added('1') };
  const keys = { known: {} };

  it('is accepted by default', () => {
    expect(recordsOf(ofDataset({ keys }, records))).toEqual(records);
  });

  it('cannot be added or changed with unknownKeys drop, but can be removed', () => {
    const verdict = ofDataset({ keys, unknownKeys: 'drop', onInvalid: 'reject' }, records);
    expect(recordsOf(verdict)).toEqual({ ...records, a: dropped, had: kept('1') });
    expect(decisionsOf(verdict)).toEqual([
      ['unknownKeys', 'a', 'dropped'],
      ['unknownKeys', 'had', 'reverted'],
    ]);
  });

  it('rejects the call with unknownKeys reject, unless the call removes the key', () => {
    expect(reasonOf(ofDataset({ keys, unknownKeys: 'reject' }, records))).toBe(
      'a: there is no rule for this key',
    );
    expect(ofDataset({ keys, unknownKeys: 'reject' }, { gone: removed('1') }).kind).toBe('answer');
  });

  it.each(['__proto__', 'constructor', 'hasOwnProperty'])('named %s is an ordinary key', (key) => {
    const sent = JSON.parse(`{${JSON.stringify(key)}:{"newValue":"1","op":"replace"}}`);
    const verdict = ofDataset({ keys, unknownKeys: 'drop', derive: ({ set }) => set('known', 'x') }, sent);
    expect(Object.entries(recordsOf(verdict))).toEqual([
      [key, dropped],
      ['known', added('x')],
    ]);
  });
});

describe('rewrite', () => {
  it('replaces the value, and the other rules apply to the new value', () => {
    const a: KeyOptions = { rewrite: ({ value }) => value.trim(), maxBytes: 2 };
    expect(recordsOf(ofKey(a, added(' ab ')))).toEqual({ a: added('ab') });
    expect(decisionsOf(ofKey(a, added(' ab ')))).toEqual([['keys.a', 'a', 'rewritten']]);
    expect(recordsOf(ofKey(a, added(' abc ')))).toEqual({ a: dropped });
    expect(ofKey(a, added('ab')).decisions).toEqual([]);
  });

  it('cancels the change if it returns the old value', () => {
    const a: KeyOptions = { rewrite: ({ value }) => value.trim(), immutable: true };
    expect(recordsOf(ofKey(a, changed('ab', ' ab ')))).toEqual({ a: kept('ab') });
  });

  it('is called with the change, and only for keys that get a new value', () => {
    const calls: object[] = [];
    const rewrite: KeyOptions['rewrite'] = (change) => {
      calls.push({ ...change });
      return change.value;
    };
    ofDataset({ keys: { '*': { rewrite } } }, { a: changed('1', '2'), b: kept('1'), c: removed('1') });
    expect(calls).toEqual([
      { identityId: IDENTITY, datasetName: 'game', key: 'a', value: '2', oldValue: '1' },
    ]);
  });
});

describe('validate', () => {
  it('receives the change and the stored records', () => {
    const calls: object[] = [];
    const validate: KeyOptions['validate'] = (change) => {
      calls.push({ ...change, records: { ...change.records } });
      return true;
    };
    ofDataset(
      { keys: { '*': { validate } } },
      { a: changed('1', '2'), b: kept('b'), c: removed('1'), d: added('n') },
    );
    const about = { identityId: IDENTITY, datasetName: 'game', records: { a: '1', b: 'b', c: '1' } };
    expect(calls).toEqual([
      { ...about, key: 'a', op: 'replace', oldValue: '1', newValue: '2' },
      { ...about, key: 'c', op: 'remove', oldValue: '1', newValue: undefined },
      { ...about, key: 'd', op: 'replace', oldValue: undefined, newValue: 'n' },
    ]);
  });

  it('cannot change the answer by modifying its arguments', () => {
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

  it('sets server-owned keys', () => {
    const verdict = ofDataset(badge, { score: changed('1', '101') });
    expect(recordsOf(verdict)).toEqual({ score: changed('1', '101'), badge: added('gold') });
    expect(decisionsOf(verdict)).toEqual([['derive', 'badge', 'derived']]);
  });

  it('takes precedence over the device’s value, and logs no decision if its value is already stored', () => {
    expect(recordsOf(ofDataset(badge, { score: kept('101'), badge: changed('gold', 'lead') }))).toEqual({
      score: kept('101'),
      badge: kept('gold'),
    });
    expect(ofDataset(badge, { score: kept('101'), badge: kept('gold') }).decisions).toEqual([]);
  });

  it('receives the resulting records, frozen and without a prototype', () => {
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

  it('removes keys, adds keys over tombstones, and applies only the last call for a key', () => {
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
    [
      'too long next to a valid change of the device',
      { maxBytes: 3 },
      changed('old', 'new'),
      changed('old', 'new'),
    ],
    ['too long for a new key', { maxBytes: 3, onInvalid: 'drop' }, added('new'), added('new')],
    ['a change of an immutable key', { immutable: true }, kept('old'), kept('old')],
    ['not a number', { monotonic: 'increasing' }, kept('old'), kept('old')],
    ['refused by validate', { validate: ({ newValue }) => newValue !== 'derived' }, added('n'), added('n')],
  ])('has no effect if it violates the rules: %s', (_, a, change, expected) => {
    const derive: DatasetOptions['derive'] = ({ set }) => set('a', 'derived');
    expect(recordsOf(ofDataset({ keys: { a }, derive }, { a: change }))).toEqual({ a: expected });
  });

  it('rejects the call if it sets an invalid value and onInvalid of the key is reject', () => {
    const derive: DatasetOptions['derive'] = ({ set }) => set('a', 'derived');
    expect(reasonOf(ofDataset({ keys: { a: { maxBytes: 3, onInvalid: 'reject' } }, derive }, {}))).toBe(
      'a: its value is longer than 3 bytes',
    );
    expect(recordsOf(ofDataset({ unknownKeys: 'drop', derive }, {}))).toEqual({});
  });

  it('has its values rewritten like values of the device', () => {
    const derive: DatasetOptions['derive'] = ({ set }) => set('a', ' x ');
    expect(
      recordsOf(ofDataset({ keys: { a: { rewrite: ({ value }) => value.trim() } }, derive }, {})),
    ).toEqual({
      a: added('x'),
    });
  });

  it('cannot set keys after it has returned', () => {
    let later: (() => void) | undefined;
    const derive: DatasetOptions['derive'] = ({ set }) => {
      later = () => set('a', '1');
    };
    expect(recordsOf(ofDataset({ derive }, {}))).toEqual({});
    expect(() => later?.()).toThrow('derive has returned');
  });

  it('rejects the call if the dataset would have more than 1024 records', () => {
    const records = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, kept('v')]));
    const derive: DatasetOptions['derive'] = ({ set }) => set('one more', '1');
    expect(ofDataset({ derive }, records(1_023)).kind).toBe('answer');
    expect(ofDataset({ derive }, records(1_024))).toEqual({
      kind: 'rejected',
      reason: 'the dataset would have more than 1024 records',
      decisions: [expect.objectContaining({ rule: 'datasets.game.derive', key: null, action: 'rejected' })],
    });
    // If derive sets no key, only the service's own limit applies, which may differ.
    expect(ofDataset({ derive: () => undefined }, { ...records(1_100), new: added('1') }).kind).toBe(
      'answer',
    );
  });
});

describe('a broken rule', () => {
  const secret = 'secret';
  const broken: [string, string, DatasetOptions][] = [];
  const breaks = (problem: string, options: DatasetOptions) =>
    broken.push([problem, `${broken.length}`, options]);
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
  breaks('reading its result threw an error', {
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
  breaks('derive used a key that is empty or longer', { derive: ({ set }) => set('', '1') });
  breaks('derive used a key that is empty or longer', { derive: ({ remove }) => remove('k'.repeat(1_025)) });
  breaks('derive used a key that contains NUL', { derive: ({ set }) => set('\ud800', '1') });
  breaks('derive used a key that is not a string', { derive: ({ set }) => set(asAny(5), '1') });
  breaks('derive set a value that contains NUL', { derive: ({ set }) => set('x', '\0') });
  breaks('derive set a value that is longer', { derive: ({ set }) => set('x', 'v'.repeat(1_048_576)) });
  breaks('derive set a value that is not a string', { derive: ({ set }) => set('x', asAny(undefined)) });
  breaks('derive set a value that is not a string', { derive: ({ set }) => set('x', asAny(null)) });

  const records = { first: added('1'), a: changed('old', 'new'), gone: removed('1'), k: kept('k') };

  it.each(broken)('(%s) [%s] rejects the call by default', (problem, _, game) => {
    const verdict = ofDataset(game, records);
    const rule = game.keys ? 'datasets.game.keys.a' : 'datasets.game.derive';
    expect(reasonOf(verdict)).toMatch(`${rule} failed: ${problem}`);
    expect(verdict.decisions).toEqual([
      expect.objectContaining({ rule, key: game.keys ? 'a' : null, action: 'rule-error' }),
    ]);
    expect(JSON.stringify(verdict)).not.toContain(secret);
  });

  it.each(broken)('(%s) [%s] reverts all changes with onRuleError revert', (_, __, game) => {
    const verdict = ofDataset(game, records, { onRuleError: 'revert' });
    expect(recordsOf(verdict)).toEqual({ first: dropped, a: kept('old'), gone: kept('1'), k: kept('k') });
    expect(verdict.decisions.map(({ action }) => action)).toEqual([
      'rule-error',
      'dropped',
      'reverted',
      'reverted',
    ]);
  });

  it.each(broken)('(%s) [%s] is ignored with onRuleError allow', (_, __, game) => {
    const verdict = ofDataset(game, records, { onRuleError: 'allow' });
    expect(recordsOf(verdict)).toEqual(records);
    expect(verdict.decisions.map(({ action }) => action)).toEqual(['rule-error']);
  });

  it('leaves the other rules in effect with onRuleError allow', () => {
    const a: KeyOptions = {
      rewrite: throws,
      schema: z.string().refine(async () => true),
      validate: () => false,
    };
    const verdict = ofKey(a, changed('old', 'new'), { onRuleError: 'allow' });
    expect(recordsOf(verdict)).toEqual({ a: kept('old') });
    expect(verdict.decisions.map(({ action }) => action)).toEqual(['rule-error', 'rule-error', 'reverted']);
  });

  it('with onRuleError revert also discards the values that derive set before the rule failed', () => {
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

  it('sets no key if derive is the broken rule, not even a key that derive set before it failed', () => {
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
    ['that is a string', 'event'],
  ])('%s is returned unchanged', (_, event) => {
    // @ts-expect-error an unknown value is not an event
    const verdict = evaluateRules(rules, event);
    expect(verdict).toEqual({ kind: 'answer', event, decisions: [] });
  });

  it.each([null, [], 'x', undefined])('without records (%o) is rejected', (datasetRecords) => {
    expect(evaluateRules(rules, eventOf({}, { datasetRecords }))).toMatchObject({
      kind: 'rejected',
      reason: 'the event has no datasetRecords',
    });
  });

  it('of a later version of Cognito keeps its unknown members', () => {
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

  it('change nothing, and report what they would have changed', () => {
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
