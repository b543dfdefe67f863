import { randomUUID } from 'node:crypto';
import { defineRules, number } from 'cognito-sync-backend/rules';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createSyncTrigger } from '../../../functions/sync-trigger.ts';
import { createLocalFunctions } from '../../../infra/local/functions/local-functions.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { functionArn } from '../../../infra/local/names.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { DEFAULT_RULES_FILE } from '../../../lib/rules/file/rules-path.ts';
import type { RulesOptions } from '../../../lib/rules/rules-model.ts';
import type { DatasetRecord, SyncTriggerEvent } from '../../../lib/rules/sync-trigger-event.ts';
import type { RuleDecision } from '../../../lib/rules/verdict.ts';
import type { Limits } from '../../../lib/sync/limits.ts';
import type { SyncRecord } from '../../../lib/sync/model.ts';
import {
  FunctionError,
  type FunctionErrorReason,
  type InvokeFunction,
} from '../../../lib/sync/ports/functions.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { createSyncStore } from '../../../lib/sync/store/sync-store.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, drop, put } from '../../fixtures/sync/sync-service.ts';

const ARN = functionArn('us-east-1', 'sync-trigger');
const QUIET_POOL = 'us-east-1:00000000-0000-4000-8000-000000000002';
const STREAMS = {
  status: 'ENABLED' as const,
  streamName: 'cognito-sync',
  roleArn: null,
  disabledReason: null,
};

type Records = SyncTriggerEvent['datasetRecords'];
type Answer = (event: SyncTriggerEvent) => unknown;
interface Call {
  functionArn: string;
  records: Records;
  timeoutMs: number;
}

const error = (code: string, message: string | RegExp = /./, status = 400) =>
  expect.objectContaining({ code, status, message: expect.stringMatching(message) });
const INVALID_OUTPUT = (message: string | RegExp) => error('InvalidLambdaFunctionOutputException', message);
const INVALID_TOKEN = error('InvalidParameterException', /^SyncSessionToken not valid/);
const echo: Answer = (event) => event;
/** Creates an answer: the event with these records added. Undefined removes a record from the event. */
const withRecords =
  (records: Record<string, Partial<DatasetRecord> | null | undefined>): Answer =>
  (event) => ({ ...event, datasetRecords: { ...event.datasetRecords, ...records } });
const set = (newValue: string): DatasetRecord => ({ newValue, op: 'replace' });

const rowsOf = ({ Records }: { Records: SyncRecord[] }) =>
  Records.map(({ Key, Value, SyncCount }) => [Key, Value, SyncCount]);

describe('the sync trigger', () => {
  let database: Database;
  let answer: (...call: [SyncTriggerEvent, number]) => unknown;
  let calls: Call[];
  /** How long the next calls wait for an execution slot, in milliseconds, in order. */
  let waits: number[];
  let service: ReturnType<typeof createService>;
  let device: ReturnType<typeof createDevice>;
  /** Writes the dataset of `device` with a developer's credentials, so its writes do not invoke the trigger. */
  let owner: ReturnType<typeof createDevice>;

  const invokeFunction: InvokeFunction = async (arn, event, { identityId, timeoutMs, onStart }) => {
    const sent: SyncTriggerEvent = JSON.parse(JSON.stringify(event));
    calls.push({ functionArn: arn, records: sent.datasetRecords, timeoutMs });
    expect(identityId).toBe(sent.identityId);
    service.clock.now += waits.shift() ?? 0;
    onStart?.();
    return JSON.parse(JSON.stringify((await answer(sent, calls.length)) ?? null));
  };
  const createService = (limits: Partial<Limits> = {}, invoke = invokeFunction) =>
    createSyncService(database, limits, undefined, { invokeFunction: invoke });
  const createIdentity = (
    { operations } = service,
    identityId = `us-east-1:${randomUUID()}`,
    datasetName = 'game',
  ) =>
    createDevice(operations, {
      identityId,
      datasetName,
      caller: { kind: 'identity' as const, identityPoolId: POOL, identityId },
    });
  const events = () => readOutboxEvents(database, device.identity.IdentityId);

  beforeAll(async () => {
    database = await openDatabase();
    const pools = createPoolStore(database);
    const pool = { identityPoolId: POOL, syncTrigger: ARN, streams: STREAMS, pushSync: null };
    await pools.createPool(pool, NEW_YEAR);
    await pools.createPool({ ...pool, identityPoolId: QUIET_POOL, syncTrigger: null }, NEW_YEAR);
  });
  afterAll(() => database.close());
  beforeEach(() => {
    calls = [];
    waits = [];
    answer = echo;
    service = createService();
    device = createIdentity();
    owner = createDevice(service.operations, { identityId: device.identity.IdentityId });
  });

  describe('is invoked', () => {
    it('with all records of the dataset if an identity writes', async () => {
      await owner.update(put('kept', 'k'), put('changed', 'old'), put('removed', 'r'), put('gone', 'g'));
      await owner.update(drop('gone', 1));
      expect(calls).toEqual([]);
      const updated = await device.update(
        put('changed', 'new', 1),
        drop('removed', 1),
        put('gone', 'back', 2),
        drop('never'),
      );
      expect(rowsOf(updated)).toEqual([
        ['changed', 'new', 3],
        ['removed', null, 3],
        ['gone', 'back', 3],
        ['never', null, 3],
      ]);
      expect(calls).toEqual([
        {
          functionArn: ARN,
          timeoutMs: 5_000,
          records: {
            kept: { oldValue: 'k', newValue: 'k', op: 'replace' },
            changed: { oldValue: 'old', newValue: 'new', op: 'replace' },
            removed: { oldValue: 'r', op: 'remove' },
            gone: { newValue: 'back', op: 'replace' },
            never: { op: 'remove' },
          },
        },
      ]);
    });

    it('without the tombstones of keys that the device does not send, and can write to these keys', async () => {
      const read: string[][] = [];
      const store = createSyncStore(database);
      const counting = createSyncService(database, {}, undefined, {
        invokeFunction,
        store: {
          ...store,
          async readLiveRecords(key, about) {
            const found = await store.readLiveRecords(key, about);
            read.push(found.records.map(({ Key }) => Key).sort());
            return found;
          },
        },
      });
      await owner.update(put('kept', 'k'), put('gone', 'g'), put('named', 'n'), put('other', 'o'));
      await owner.update(drop('gone', 1), drop('named', 1), drop('other', 1));
      answer = withRecords({ gone: set('again'), other: { op: 'remove' } });
      const own = createIdentity(counting, device.identity.IdentityId);
      expect(rowsOf(await own.update(put('named', 'back', 2)))).toEqual([
        ['named', 'back', 3],
        ['gone', 'again', 3],
      ]);
      expect(read).toEqual([['kept', 'named']]);
      expect(calls.map(({ records }) => Object.keys(records).sort())).toEqual([['kept', 'named']]);
      await expect(own.update(put('other', 'stale', 1))).rejects.toEqual(
        error('ResourceConflictException', /^Current SyncCount for: other is: 2 not: 1$/, 409),
      );
    });

    it('only if the pool has a trigger, and the call has a valid token and valid patches', async () => {
      const { IdentityId } = device.identity;
      const caller = { kind: 'identity' as const, identityPoolId: QUIET_POOL, identityId: IdentityId };
      const dataset = { IdentityPoolId: QUIET_POOL, IdentityId, DatasetName: 'game' };
      const { SyncSessionToken } = await service.operations.ListRecords(dataset, caller);
      const input = { ...dataset, SyncSessionToken, RecordPatches: [put('a', '1')] };
      expect(rowsOf(await service.operations.UpdateRecords(input, caller))).toEqual([['a', '1', 1]]);
      const token = await device.token();
      expect(await device.updateWith(token)).toEqual({ Records: [] });
      await device.updateWith(token, put('a', '1'));
      calls = [];
      await expect(device.updateWith(token)).rejects.toEqual(INVALID_TOKEN);
      await expect(device.updateWith(token, put('a', '2', 1))).rejects.toEqual(INVALID_TOKEN);
      await expect(device.updateWith('made up', put('a', '2', 1))).rejects.toEqual(INVALID_TOKEN);
      await expect(device.update(put('a', '2'))).rejects.toEqual(
        error('ResourceConflictException', /^Current SyncCount for: a is: 1 not: 0$/, 409),
      );
      await expect(device.update(put('a', '2', 7))).rejects.toEqual(
        error('InvalidParameterException', /^No such SyncCount: 7 /),
      );
      await expect(device.update(put('', '2'))).rejects.toEqual(error('InvalidParameterException'));
      expect(calls).toEqual([]);
    });

    it('without the old records after a deletion', async () => {
      await device.update(put('a', '1'));
      await device.remove();
      await device.update(put('b', '1'));
      expect(calls.at(-1)?.records).toEqual({ b: set('1') });
    });
  });

  describe('changes what is written', () => {
    beforeEach(async () => {
      await owner.update(put('gone', 'g'));
      await owner.update(put('kept', 'k'), put('other', 'o'), drop('gone', 1));
    });

    it('to its own values, which the stream receives', async () => {
      answer = withRecords({ score: set('9'), kept: set('K'), other: { op: 'remove' }, added: set('+') });
      const sent = { ...put('score', '999'), DeviceLastModifiedDate: NEW_YEAR - 5 };
      const { Records } = await device.update(sent, put('name', 'n'));
      const record = {
        SyncCount: 3,
        LastModifiedDate: NEW_YEAR + 2,
        LastModifiedBy: device.identity.IdentityId,
        DeviceLastModifiedDate: null,
      };
      expect(Records).toEqual([
        { ...record, Key: 'score', Value: '9', DeviceLastModifiedDate: NEW_YEAR - 5 },
        { ...record, Key: 'name', Value: 'n' },
        { ...record, Key: 'kept', Value: 'K' },
        { ...record, Key: 'other', Value: null },
        { ...record, Key: 'added', Value: '+' },
      ]);
      expect((await device.list({ LastSyncCount: 2 })).Records).toEqual(expect.arrayContaining(Records));
      expect((await events()).at(-1)).toMatchObject({
        syncCount: 3,
        kinesisSyncRecords: Records.map(({ Key, Value }) => ({
          key: Key,
          value: Value,
          op: Value === null ? 'remove' : 'replace',
        })),
      });
    });

    it('to a removal of a new record, which is then not stored', async () => {
      answer = withRecords({ new: { newValue: 'x', op: 'remove' } });
      expect(rowsOf(await device.update(put('new', 'x')))).toEqual([['new', null, 3]]);
      expect(rowsOf(await device.list({ LastSyncCount: 2 }))).toEqual([]);
      expect((await device.describe()).Dataset).toMatchObject({ NumRecords: 2 });
    });

    it('to the stored value, which is then written again with a new count', async () => {
      answer = withRecords({ kept: { oldValue: 'k', newValue: 'k', op: 'replace' } });
      expect(rowsOf(await device.update(put('kept', 'bad', 2)))).toEqual([['kept', 'k', 3]]);
    });

    it('by adding a record in place of a tombstone that the device has not received', async () => {
      answer = withRecords({ gone: set('back') });
      expect(rowsOf(await device.update(put('a', '1')))).toEqual([
        ['a', '1', 3],
        ['gone', 'back', 3],
      ]);
    });

    it('to nothing for the keys that it omits; the device receives their stored records', async () => {
      answer = withRecords({ kept: undefined, gone: null, never: undefined });
      const token = await device.token();
      const updated = await device.updateWith(
        token,
        put('kept', 'bad', 2),
        put('fine', 'f'),
        put('gone', 'bad', 2),
        put('never', 'bad'),
      );
      expect(rowsOf(updated)).toEqual([
        ['kept', 'k', 2],
        ['fine', 'f', 3],
        ['gone', null, 2],
        ['never', null, 0],
      ]);
      expect(rowsOf(await device.list({ LastSyncCount: 2 }))).toEqual([['fine', 'f', 3]]);
      expect((await events()).at(-1).kinesisSyncRecords).toHaveLength(1);
      await expect(device.updateWith(token, put('x', ''))).rejects.toEqual(INVALID_TOKEN);
    });

    it('to nothing at all; then nothing is written and the token stays valid', async () => {
      answer = (event) => ({ ...event, datasetRecords: {} });
      const token = await device.token();
      const updated = await device.updateWith(token, put('kept', 'bad', 2), put('never', 'bad'));
      expect(rowsOf(updated)).toEqual([
        ['kept', 'k', 2],
        ['never', null, 0],
      ]);
      expect(updated.Records[1]).toMatchObject({ LastModifiedDate: NEW_YEAR, LastModifiedBy: null });
      expect(await device.list()).toMatchObject({ DatasetSyncCount: 2, Count: 3 });
      expect(await events()).toHaveLength(2);
      answer = echo;
      expect(rowsOf(await device.updateWith(token, put('kept', 'good', 2)))).toEqual([['kept', 'good', 3]]);
    });

    it('to nothing for a new dataset, which is then not created', async () => {
      const other = createIdentity(service, device.identity.IdentityId, 'other');
      answer = (event) => ({ ...event, datasetRecords: {} });
      expect(rowsOf(await other.update(put('a', '1')))).toEqual([['a', null, 0]]);
      expect(await other.list()).toMatchObject({ DatasetExists: false });
    });
  });

  describe('fails the call, which changes nothing and leaves the token valid, if it', () => {
    const fails =
      (reason: FunctionErrorReason, message = 'secret') =>
      () =>
        Promise.reject(new FunctionError(reason, message));
    it.each<[string, Answer, unknown]>([
      [
        'throws, and returns its message to the device',
        fails('threw', `score is too high ${'!'.repeat(2_000)}`),
        INVALID_OUTPUT(/^SyncTrigger failed with error score is too high !{982}\.$/),
      ],
      [
        'does not exist',
        fails('not-found'),
        INVALID_OUTPUT(/^SyncTrigger function not found: arn:aws:lambda:\S+; set another function/),
      ],
      ['times out', fails('timed-out'), error('LambdaSocketTimeoutException', /timed out/)],
      ['is throttled', fails('throttled'), error('LambdaThrottledException', /throttled/, 429)],
      ['returns nothing', () => undefined, INVALID_OUTPUT(/the answer must be an object/)],
      ['returns another identity', (event) => ({ ...event, identityId: 'x' }), INVALID_OUTPUT(/identityId/)],
      [
        'returns a number for a value',
        withRecords({ a: JSON.parse('{"newValue":1,"op":"replace"}') }),
        INVALID_OUTPUT(/a\.newValue/),
      ],
      [
        'cannot be invoked for another reason',
        () => Promise.reject(new TypeError('socket')),
        new TypeError('socket'),
      ],
    ])('%s', async (_, faulty, expected) => {
      answer = faulty;
      const token = await device.token();
      const outcome = await device.updateWith(token, put('a', '1')).catch((reason: unknown) => reason);
      expect(outcome).toEqual(expected);
      expect(String(outcome)).not.toContain('secret');
      expect(await device.list()).toMatchObject({ DatasetExists: false });
      expect(await events()).toEqual([]);
      answer = echo;
      await device.updateWith(token, put('a', '1'));
    });

    it('is configured in a service without functions', async () => {
      const { operations } = createSyncService(database);
      await expect(createIdentity({ ...service, operations }).update(put('a', '1'))).rejects.toEqual(
        INVALID_OUTPUT(/^SyncTrigger function not found: arn:aws:lambda:\S+; set another function/),
      );
    });
  });

  describe('runs again if the dataset changed in the meantime', () => {
    it('with the new state of the dataset', async () => {
      await owner.update(put('a', '1'), put('b', '1'));
      answer = async (event, run) => {
        if (run === 1) await owner.update(put('b', '2', 1), put('c', '2'));
        return withRecords({ seen: set(Object.keys(event.datasetRecords).toSorted().join()) })(event);
      };
      expect(rowsOf(await device.update(put('a', '3', 1)))).toEqual([
        ['a', '3', 3],
        ['seen', 'a,b,c', 3],
      ]);
      expect(calls.map(({ records }) => records.b?.oldValue)).toEqual(['1', '2']);
      expect(calls).toHaveLength(2);
    });

    it('with the new value of a record that the device does not change', async () => {
      answer = async (event, run) => {
        if (run === 1) await owner.update(put('total', '1'));
        const total = Number(event.datasetRecords.total?.oldValue ?? 0);
        return withRecords({ total: set(String(total + 10)) })(event);
      };
      expect(rowsOf(await device.update(put('a', '3')))).toEqual([
        ['a', '3', 2],
        ['total', '11', 2],
      ]);
    });

    it('unless a patch of the device became stale', async () => {
      await owner.update(put('a', '1'));
      answer = async (event) => {
        await owner.update(put('a', '2', 1));
        return event;
      };
      const token = await device.token();
      await expect(device.updateWith(token, put('a', '3', 1))).rejects.toEqual(
        error('ResourceConflictException', /^Current SyncCount for: a is: 2 not: 1$/, 409),
      );
      expect(calls).toHaveLength(1);
      answer = echo;
      await device.updateWith(token, put('a', '3', 2));
    });

    it('unless another update has used the token', async () => {
      const token = await device.token();
      answer = async (event, run) => {
        if (run === 1) await owner.updateWith(token, put('b', '1'));
        return event;
      };
      await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(INVALID_TOKEN);
      expect(rowsOf(await device.list())).toEqual([['b', '1', 1]]);
    });

    it('also if the dataset was deleted', async () => {
      await owner.update(put('a', '1'));
      answer = async (event, run) => {
        if (run === 1) await owner.remove();
        return event;
      };
      expect(rowsOf(await device.update(put('b', '1', 1)))).toEqual([['b', '1', 3]]);
      expect(calls.map(({ records }) => Object.keys(records))).toEqual([['a', 'b'], ['b']]);
    });

    it('within five seconds for all runs together', async () => {
      await owner.update(put('b', '0'));
      answer = async (event, run) => {
        service.clock.now += 2_000;
        await owner.update(put('b', String(run), run));
        return event;
      };
      const token = await device.token();
      await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(
        error('LambdaSocketTimeoutException', /timed out/),
      );
      expect(calls.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 3_000, 1_000]);
      answer = echo;
      await device.updateWith(token, put('a', '1'));
      expect(calls.at(-1)?.timeoutMs).toBe(5_000);
    });

    it('without counting the time that it waits for an execution slot', async () => {
      await owner.update(put('b', '0'));
      waits = [4_000, 4_500, 3_000];
      answer = async (event, run) => {
        service.clock.now += 1_000;
        if (run < 3) await owner.update(put('b', String(run), run));
        return event;
      };
      await device.update(put('a', '1'));
      expect(calls.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 4_000, 3_000]);
    });

    it('without extra time if the clock is set back', async () => {
      await owner.update(put('b', '0'));
      answer = async (event, run) => {
        service.clock.now -= 60_000;
        if (run < 3) await owner.update(put('b', String(run), run));
        return event;
      };
      await device.update(put('a', '1'));
      expect(calls.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 5_000, 5_000]);
    });

    it('so that each of many concurrent updates sees the previous one', async () => {
      answer = (event) => {
        const others = Object.keys(event.datasetRecords).filter((key) => key !== 'total');
        return withRecords({ total: set(String(others.length)) })(event);
      };
      await Promise.all(Array.from({ length: 8 }, (_, index) => device.update(put(`k${index}`, 'v'))));
      const { Records, DatasetSyncCount } = await device.list();
      expect(DatasetSyncCount).toBe(8);
      expect(Records.find(({ Key }) => Key === 'total')).toMatchObject({ Value: '8', SyncCount: 8 });
      expect(await events()).toHaveLength(8);
    });
  });

  describe('is subject to the limits', () => {
    const limited = (limits: Partial<Limits>) => createIdentity(createService(limits));

    it.each<[string, Partial<Limits>, Answer]>([
      ['of records', { recordsPerDataset: 2 }, withRecords({ b: set(''), c: set('') })],
      ['of size', { datasetBytes: 10 }, withRecords({ a: set('1234567890') })],
    ])('%s', async (_, limits, excessive) => {
      answer = excessive;
      await expect(limited(limits).update(put('a', '1'))).rejects.toEqual(error('LimitExceededException'));
    });

    it('of a call', async () => {
      answer = withRecords({ b: set(''), c: set('') });
      await expect(limited({ patchesPerCall: 2 }).update(put('a', '1'))).rejects.toEqual(
        INVALID_OUTPUT(/^SyncTrigger returned an invalid answer: datasetRecords must not change more than 2/),
      );
    });

    it('and can reduce an update that exceeds the limits', async () => {
      answer = withRecords({ a: set('short'), b: undefined });
      const own = limited({ recordsPerDataset: 1, datasetBytes: 10 });
      expect(rowsOf(await own.update(put('a', 'much too long'), put('b', '')))).toEqual([
        ['a', 'short', 1],
        ['b', null, 0],
      ]);
    });
  });

  describe('applies rules', () => {
    let decisions: RuleDecision[];
    const context = createLambdaContext('sync-trigger', 'us-east-1', 5_000);
    const GAME: RulesOptions = {
      datasets: {
        game: {
          unknownKeys: 'drop',
          keys: {
            score: { schema: number(), monotonic: 'increasing' },
            name: { validate: ({ newValue }) => newValue !== 'admin' || 'taken', onInvalid: 'reject' },
            badge: { serverOwned: true },
          },
          derive: ({ records, set }) => {
            if (Number(records.score) > 100) set('badge', 'gold');
          },
        },
      },
    };
    const apply = (options: RulesOptions) => {
      decisions = [];
      const trigger = createSyncTrigger({
        rules: defineRules(options),
        report: (made) => decisions.push(...made),
        logger: createLogger('sync-trigger'),
      });
      answer = (event) =>
        trigger(event, context).catch((thrown: Error) => {
          throw new FunctionError('threw', thrown.message);
        });
    };
    beforeEach(() => apply(GAME));

    it('that revert a decreasing score', async () => {
      await device.update(put('score', '10'));
      expect(rowsOf(await device.update(put('score', '9', 1)))).toEqual([['score', '10', 2]]);
      expect(rowsOf(await device.list())).toEqual([['score', '10', 2]]);
      expect(decisions).toEqual([
        {
          rule: 'datasets.game.keys.score',
          key: 'score',
          action: 'reverted',
          reason: 'it must not go down',
        },
      ]);
    });

    it('that drop an unknown key and write the other keys', async () => {
      expect(rowsOf(await device.update(put('coins', '999'), put('score', '1')))).toEqual([
        ['coins', null, 1],
        ['score', '1', 1],
      ]);
      expect((await device.describe()).Dataset).toMatchObject({ NumRecords: 1 });
    });

    it('that add a badge to the response, which no device can set itself', async () => {
      expect(rowsOf(await device.update(put('badge', 'gold')))).toEqual([['badge', null, 1]]);
      expect(rowsOf(await device.update(put('score', '101')))).toEqual([
        ['score', '101', 2],
        ['badge', 'gold', 2],
      ]);
      expect(rowsOf(await device.update(drop('badge', 2)))).toEqual([['badge', 'gold', 3]]);
    });

    it('that reject a call with a reason', async () => {
      await expect(device.update(put('score', '1'), put('name', 'admin'))).rejects.toEqual(
        INVALID_OUTPUT(/^SyncTrigger failed with error name: taken\.$/),
      );
      expect(await device.list()).toMatchObject({ DatasetExists: false });
      expect(decisions).toEqual([expect.objectContaining({ action: 'rejected', key: 'name' })]);
    });

    it('but not to the writes of a developer', async () => {
      await owner.update(put('score', 'none'), put('coins', '1'));
      expect(rowsOf(await device.update(put('score', '5', 1)))).toEqual([['score', '5', 2]]);
      expect(rowsOf(await device.update(drop('coins', 1)))).toEqual([['coins', null, 3]]);
    });

    it('in observe mode without changing what is written', async () => {
      apply({ ...GAME, mode: 'observe' });
      expect(rowsOf(await device.update(put('name', 'admin')))).toEqual([['name', 'admin', 1]]);
      expect(decisions).toEqual([expect.objectContaining({ action: 'rejected', key: 'name' })]);
    });
  });

  it('runs the deployed function in its own thread', async () => {
    const modules = { 'sync-trigger': new URL('../../../functions/sync-trigger.ts', import.meta.url) };
    const functions = createLocalFunctions({ modules, region: 'us-east-1', rulesFile: DEFAULT_RULES_FILE });
    onTestFinished(() => functions.close());
    const own = createIdentity(createService({}, functions.invoke));
    expect(rowsOf(await own.update(put('__proto__', '1'), put('b', '\u0001')))).toEqual([
      ['__proto__', '1', 1],
      ['b', '\u0001', 1],
    ]);
    expect(rowsOf(await own.update(drop('__proto__', 1)))).toEqual([['__proto__', null, 2]]);
  });
});
