import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ServiceError } from '../../../lib/common/errors.ts';
import type { Patch } from '../../../lib/sync/read-patches.ts';
import { buildSyncTriggerEvent } from '../../../lib/sync/trigger/build-sync-trigger-event.ts';
import { readTriggerAnswer } from '../../../lib/sync/trigger/read-trigger-answer.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const DATASET = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };

/** The stored records: `kept`, `changed` and `removed` are live records, and `gone` is a tombstone. */
const STORED = new Map(
  Object.entries({ kept: 'k', changed: 'old', removed: 'r', gone: null }).map(([Key, Value], index) => [
    Key,
    { Key, Value, SyncCount: index + 1 },
  ]),
);
/** The dataset's sync count. */
const COUNT = 9;
const patch = (key: string, value: string | null, syncCount = COUNT): Patch => ({
  key,
  value,
  syncCount,
  deviceLastModifiedDate: NEW_YEAR,
});
const PATCHES = [patch('changed', 'new'), patch('removed', null), patch('made', 'm', 0)];
const EVENT = buildSyncTriggerEvent(DATASET, STORED.values(), PATCHES);

const read = (answer: unknown, maxPatches = 2_500) =>
  readTriggerAnswer(answer, { event: EVENT, patches: PATCHES, syncCount: COUNT, stored: STORED, maxPatches });

/** Creates an answer from the event: replaces the given records, and omits a record that is given as undefined. */
const answerWith = (records: Record<string, unknown>) =>
  JSON.parse(JSON.stringify({ ...EVENT, datasetRecords: { ...EVENT.datasetRecords, ...records } }));

/** A patch that the trigger function adds. It has the dataset's sync count, so it is never stale. */
const own = (key: string, value: string | null): Patch => ({
  key,
  value,
  syncCount: COUNT,
  deviceLastModifiedDate: null,
});

describe('the event of a sync trigger', () => {
  it('contains every live record and the change that the device requests', () => {
    expect(EVENT).toEqual({
      version: 2,
      eventType: 'SyncTrigger',
      region: 'us-east-1',
      identityPoolId: POOL,
      identityId: IDENTITY,
      datasetName: 'game',
      datasetRecords: {
        kept: { oldValue: 'k', newValue: 'k', op: 'replace' },
        changed: { oldValue: 'old', newValue: 'new', op: 'replace' },
        removed: { oldValue: 'r', op: 'remove' },
        made: { newValue: 'm', op: 'replace' },
      },
    });
  });

  it('has no old value for a tombstone and for a record that never existed', () => {
    const { datasetRecords } = buildSyncTriggerEvent(DATASET, STORED.values(), [
      patch('gone', 'again'),
      patch('never', null),
    ]);
    expect(datasetRecords).toMatchObject({
      gone: { newValue: 'again', op: 'replace' },
      never: { op: 'remove' },
    });
    expect(Object.keys(datasetRecords.gone ?? {})).toEqual(['newValue', 'op']);
    expect(Object.keys(datasetRecords.never ?? {})).toEqual(['op']);
  });

  it('accepts any key, including names of members that every object has', () => {
    const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', ' '];
    const stored = new Map(keys.map((Key) => [Key, { Key, Value: 'v', SyncCount: 1 }]));
    const patches = keys.map((key) => patch(key, 'w'));
    const event = buildSyncTriggerEvent(DATASET, stored.values(), patches);
    const sent = JSON.parse(JSON.stringify(event));
    expect(Object.keys(sent.datasetRecords).toSorted()).toEqual(keys.toSorted());
    const request = { event, patches, syncCount: COUNT, stored, maxPatches: 10 };
    expect(readTriggerAnswer(sent, request)).toEqual(patches);
    // Keys that the answer omits must not be found on the prototype of its object.
    expect(readTriggerAnswer({ ...sent, datasetRecords: {} }, request)).toEqual([]);
  });
});

describe('the answer of a sync trigger', () => {
  it('leaves the patches unchanged if it equals the event', () => {
    expect(read(answerWith({}))).toEqual(PATCHES);
  });

  it.each<[string, Record<string, unknown>, Patch[]]>([
    [
      'sets a value that the device sends',
      { changed: { newValue: 'ours', op: 'replace' }, removed: { newValue: 'back', op: 'replace' } },
      [patch('changed', 'ours'), patch('removed', 'back'), patch('made', 'm', 0)],
    ],
    [
      'reverts a change, and the old value is written',
      { changed: { oldValue: 'old', newValue: 'old', op: 'replace' } },
      [patch('changed', 'old'), patch('removed', null), patch('made', 'm', 0)],
    ],
    [
      'removes what the device sends',
      { changed: { op: 'remove' }, made: { newValue: null, op: 'replace' } },
      [patch('changed', null), patch('removed', null), patch('made', null, 0)],
    ],
    [
      'sets an untouched record',
      { kept: { oldValue: 'k', newValue: 'ours', op: 'replace' } },
      [...PATCHES, own('kept', 'ours')],
    ],
    [
      'removes an untouched record',
      { kept: { newValue: 'k', op: 'remove' } },
      [...PATCHES, own('kept', null)],
    ],
    [
      'adds records, even over a tombstone',
      { added: { newValue: '', op: 'replace' }, gone: { newValue: 'back', op: 'replace' } },
      [...PATCHES, own('added', ''), own('gone', 'back')],
    ],
    ['removes records that do not exist', { gone: { op: 'remove' }, never: { op: 'remove' } }, PATCHES],
    ['omits an untouched record', { kept: undefined }, PATCHES],
    [
      'omits keys of the device or maps them to null',
      { changed: undefined, made: null, never: null },
      [patch('removed', null)],
    ],
    [
      'changes old values',
      {
        kept: { oldValue: 'x', newValue: 'k', op: 'replace' },
        changed: { oldValue: 5, newValue: 'new', op: 'replace' },
      },
      PATCHES,
    ],
    ['has an additional member', { kept: { newValue: 'k', op: 'replace', why: 1 } }, PATCHES],
  ])('%s', (_, records, patches) => {
    expect(read(answerWith(records))).toEqual(patches);
  });

  it('may omit the members that must not change, and may have additional members', () => {
    const { datasetRecords } = EVENT;
    expect(read({ datasetRecords })).toEqual(PATCHES);
    expect(read({ datasetRecords, region: null, version: 2, note: 'x' })).toEqual(PATCHES);
  });

  const changed = { ...EVENT, datasetRecords: {} };
  const at = (records: Record<string, unknown>) => ({ ...EVENT, datasetRecords: records });
  const put = (newValue: unknown) => ({ newValue, op: 'replace' });
  it.each<[string, unknown, string]>([
    ['null', null, 'the answer must be an object'],
    ['undefined', undefined, 'the answer must be an object'],
    ['a list', [EVENT], 'the answer must be an object'],
    ['a string', JSON.stringify(EVENT), 'the answer must be an object'],
    ['true', true, 'the answer must be an object'],
    ['another version', { ...changed, version: 3 }, 'version must not be changed'],
    ['the version as a string', { ...changed, version: '2' }, 'version must not be changed'],
    ['another type', { ...changed, eventType: 'synctrigger' }, 'eventType must not be changed'],
    ['another region', { ...changed, region: 'secret' }, 'region must not be changed'],
    ['another pool', { ...changed, identityPoolId: 'secret' }, 'identityPoolId must not be changed'],
    ['another identity', { ...changed, identityId: ['secret'] }, 'identityId must not be changed'],
    ['another dataset', { ...changed, datasetName: '' }, 'datasetName must not be changed'],
    ['no records', { ...EVENT, datasetRecords: undefined }, 'datasetRecords must be an object'],
    ['null for the records', { ...EVENT, datasetRecords: null }, 'datasetRecords must be an object'],
    ['a list of records', { ...EVENT, datasetRecords: [] }, 'datasetRecords must be an object'],
    ['a string for the records', { ...EVENT, datasetRecords: 'secret' }, 'datasetRecords must be an object'],
    [
      'a key with control characters',
      at({ 'a\n\u001b[2J"': 'secret' }),
      'datasetRecords.a\\n\\u001b[2J\\" must be an object or null',
    ],
    [
      'a key with a right-to-left override',
      at({ 'a\u202e': put(41) }),
      'datasetRecords.a\\u202e.newValue must be a string or null',
    ],
    [
      'a long key, which the message truncates',
      at({ ['k'.repeat(1_024)]: 'secret' }),
      `datasetRecords.${'k'.repeat(100)} must be an object or null`,
    ],
    ['a string for a record', at({ a: 'secret' }), 'datasetRecords.a must be an object or null'],
    ['a list for a record', at({ a: [] }), 'datasetRecords.a must be an object or null'],
    ['no op', at({ a: { newValue: 'secret' } }), 'datasetRecords.a.op must be replace or remove'],
    ['an unknown op', at({ a: { op: 'secret' } }), 'datasetRecords.a.op must be replace or remove'],
    ['null for an op', at({ a: { op: null } }), 'datasetRecords.a.op must be replace or remove'],
    ['no value', at({ a: { op: 'replace' } }), 'datasetRecords.a.newValue must be a string or null'],
    ['a number for a value', at({ a: put(41) }), 'datasetRecords.a.newValue must be a string or null'],
    ['an object for a value', at({ a: put({}) }), 'datasetRecords.a.newValue must be a string or null'],
    ['NUL in a value', at({ a: put('secret\0') }), 'datasetRecords.a.newValue must not hold NUL'],
    ['a lone surrogate in a value', at({ a: put('\ud83d') }), 'datasetRecords.a.newValue must not hold NUL'],
    [
      'a value that is too long',
      at({ a: put('x'.repeat(1_048_576)) }),
      'datasetRecords.a.newValue must have length',
    ],
    [
      'an empty key',
      at({ '': put('secret') }),
      'a key in datasetRecords must have length between 1 and 1024',
    ],
    [
      'a key that is too long',
      at({ ['k'.repeat(1_025)]: put('') }),
      'a key in datasetRecords must have length',
    ],
    ['NUL in a key', at({ 'a\0': put('') }), 'a key in datasetRecords must not hold NUL'],
    [
      'a lone surrogate in a key',
      at({ '\ude00': { op: 'remove' } }),
      'a key in datasetRecords must not hold',
    ],
  ])('is rejected: %s', (_, answer, message) => {
    let thrown: unknown;
    try {
      read(answer);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({
      code: 'InvalidLambdaFunctionOutputException',
      status: 400,
      message: expect.stringContaining(`SyncTrigger returned an invalid answer: ${message}`),
    });
    expect(String(thrown)).not.toContain('secret');
    expect(String(thrown).length).toBeLessThan(200);
  });

  it('may contain the longest key and value', () => {
    const [key, value] = ['鍵'.repeat(1_024), '\u{1F600}'.repeat(1_048_575)];
    expect(read(answerWith({ [key]: put(value) }))).toEqual([...PATCHES, own(key, value)]);
  });

  it('may change at most maxPatches records, including the records that the device changes', () => {
    const two = answerWith({ a: put('1'), b: put('1') });
    expect(read(two, 5)).toHaveLength(5);
    expect(() => read(two, 4)).toThrow('datasetRecords must not change more than 4 records');
    expect(read(answerWith({ a: put('1'), kept: put('k') }), 4)).toHaveLength(4);
  });

  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('kept', 'gone', 'made', '__proto__'),
  );
  const entry = fc.oneof(
    fc.record(
      {
        oldValue: fc.jsonValue(),
        newValue: fc.oneof(text, fc.jsonValue()),
        op: fc.oneof(fc.constantFrom('replace', 'remove'), fc.jsonValue()),
      },
      { requiredKeys: [] },
    ),
    fc.anything(),
  );
  const garbage = fc.oneof(
    fc.anything({ withBigInt: true, withNullPrototype: true, withDate: true, withMap: true }),
    fc.dictionary(text, entry).map((records) => ({ ...EVENT, datasetRecords: records })),
    fc
      .dictionary(text, entry)
      .map((records) =>
        answerWith(JSON.parse(JSON.stringify(records, (_, v) => (typeof v === 'bigint' ? 1 : v)))),
      ),
    fc
      .dictionary(fc.constantFrom(...Object.keys(EVENT)), fc.anything())
      .map((members) => ({ ...EVENT, ...members })),
  );

  it('of any kind results in valid patches or is rejected', () => {
    let readable = 0;
    fc.assert(
      fc.property(garbage, (answer) => {
        try {
          const patches = read(answer);
          expect(new Set(patches.map(({ key }) => key)).size).toBe(patches.length);
          for (const { key, value } of patches) {
            expect(key.isWellFormed() && !key.includes('\0')).toBe(true);
            expect(value === null || (value.isWellFormed() && !value.includes('\0'))).toBe(true);
          }
          readable += 1;
        } catch (error) {
          if (!(error instanceof ServiceError)) throw error;
          expect(error.code).toBe('InvalidLambdaFunctionOutputException');
        }
      }),
      { numRuns: 2_000 },
    );
    expect(readable).toBeGreaterThan(50);
  });

  it('results in exactly the patches of the device if it equals the event, for any records', () => {
    const key = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.constantFrom('__proto__', 'a', 'b'),
    );
    const value = fc.oneof(fc.constant(null), fc.constantFrom('', '1', '2'));
    const storable = (name: string) => !name.includes('\0') && [...name].length <= 1_024;
    const records = fc.uniqueArray(fc.tuple(key.filter(storable), value), { selector: ([name]) => name });
    fc.assert(
      fc.property(records, records, (before, after) => {
        const stored = new Map(before.map(([Key, Value]) => [Key, { Key, Value, SyncCount: 3 }]));
        const patches = after.map(([name, wanted]) => patch(name, wanted));
        const event = buildSyncTriggerEvent(DATASET, stored.values(), patches);
        const answer = JSON.parse(JSON.stringify(event));
        expect(
          readTriggerAnswer(answer, { event, patches, syncCount: COUNT, stored, maxPatches: 2_500 }),
        ).toEqual(patches);
        const flagged = Object.entries(event.datasetRecords).filter(([, { op, oldValue, newValue }]) =>
          op === 'remove' ? oldValue !== undefined : newValue !== oldValue,
        );
        const changes = patches.filter((sent) => sent.value !== (stored.get(sent.key)?.Value ?? null));
        expect(flagged.map(([name]) => name).toSorted()).toEqual(changes.map((sent) => sent.key).toSorted());
      }),
    );
  });
});
