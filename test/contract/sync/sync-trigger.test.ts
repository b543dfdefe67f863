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
/** Answers the event with these records in it; undefined leaves one out. */
const withRecords =
  (records: Record<string, Partial<DatasetRecord> | null | undefined>): Answer =>
  (event) => ({ ...event, datasetRecords: { ...event.datasetRecords, ...records } });
const set = (newValue: string): DatasetRecord => ({ newValue, op: 'replace' });

const told = ({ Records }: { Records: SyncRecord[] }) =>
  Records.map(({ Key, Value, SyncCount }) => [Key, Value, SyncCount]);

describe('the sync trigger', () => {
  let database: Database;
  let answer: (...call: [SyncTriggerEvent, number]) => unknown;
  let calls: Call[];
  let service: ReturnType<typeof createService>;
  let device: ReturnType<typeof createDevice>;
  /** The same dataset, by a developer: without the trigger. */
  let owner: ReturnType<typeof createDevice>;

  const invokeFunction: InvokeFunction = async (arn, event, { timeoutMs }) => {
    const sent: SyncTriggerEvent = JSON.parse(JSON.stringify(event));
    calls.push({ functionArn: arn, records: sent.datasetRecords, timeoutMs });
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
    answer = echo;
    service = createService();
    device = createIdentity();
    owner = createDevice(service.operations, { identityId: device.identity.IdentityId });
  });

  describe('is invoked', () => {
    it('with all records of the dataset, for what an identity sends', async () => {
      await owner.update(put('kept', 'k'), put('changed', 'old'), put('removed', 'r'), drop('gone'));
      expect(calls).toEqual([]);
      const updated = await device.update(
        put('changed', 'new', 1),
        drop('removed', 1),
        put('gone', 'back', 1),
      );
      expect(told(updated)).toEqual([
        ['changed', 'new', 2],
        ['removed', null, 2],
        ['gone', 'back', 2],
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
          },
        },
      ]);
    });

    it('in no other case', async () => {
      const { IdentityId } = device.identity;
      const caller = { kind: 'identity' as const, identityPoolId: QUIET_POOL, identityId: IdentityId };
      const dataset = { IdentityPoolId: QUIET_POOL, IdentityId, DatasetName: 'game' };
      const { SyncSessionToken } = await service.operations.ListRecords(dataset, caller);
      const input = { ...dataset, SyncSessionToken, RecordPatches: [put('a', '1')] };
      expect(told(await service.operations.UpdateRecords(input, caller))).toEqual([['a', '1', 1]]);
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

    it('after a deletion without what was there before', async () => {
      await device.update(put('a', '1'));
      await device.remove();
      await device.update(put('b', '1'));
      expect(calls.at(-1)?.records).toEqual({ b: set('1') });
    });
  });

  describe('changes what is written', () => {
    beforeEach(() => owner.update(put('kept', 'k'), put('other', 'o'), drop('gone')));

    it('to values of its own, which the stream tells of', async () => {
      answer = withRecords({ score: set('9'), kept: set('K'), other: { op: 'remove' }, added: set('+') });
      const sent = { ...put('score', '999'), DeviceLastModifiedDate: NEW_YEAR - 5 };
      const { Records } = await device.update(sent, put('name', 'n'));
      const record = {
        SyncCount: 2,
        LastModifiedDate: NEW_YEAR + 1,
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
      expect((await device.list({ LastSyncCount: 1 })).Records).toEqual(expect.arrayContaining(Records));
      expect((await events()).at(-1)).toMatchObject({
        syncCount: 2,
        kinesisSyncRecords: Records.map(({ Key, Value }) => ({
          key: Key,
          value: Value,
          op: Value === null ? 'remove' : 'replace',
        })),
      });
    });

    it('to a removal of what the device makes, which leaves a tombstone', async () => {
      answer = withRecords({ new: { newValue: 'x', op: 'remove' } });
      expect(told(await device.update(put('new', 'x')))).toEqual([['new', null, 2]]);
      expect((await device.describe()).Dataset).toMatchObject({ NumRecords: 2 });
    });

    it('back to what was there, as a write of its own', async () => {
      answer = withRecords({ kept: { oldValue: 'k', newValue: 'k', op: 'replace' } });
      expect(told(await device.update(put('kept', 'bad', 1)))).toEqual([['kept', 'k', 2]]);
    });

    it('with a record where there is a tombstone that the device knows nothing of', async () => {
      answer = withRecords({ gone: set('back') });
      expect(told(await device.update(put('a', '1')))).toEqual([
        ['a', '1', 2],
        ['gone', 'back', 2],
      ]);
    });

    it('to nothing for the keys it leaves out, which the device is told as they are', async () => {
      answer = withRecords({ kept: undefined, gone: null, never: undefined });
      const token = await device.token();
      const updated = await device.updateWith(
        token,
        put('kept', 'bad', 1),
        put('fine', 'f'),
        put('gone', 'bad', 1),
        put('never', 'bad'),
      );
      expect(told(updated)).toEqual([
        ['kept', 'k', 1],
        ['fine', 'f', 2],
        ['gone', null, 1],
        ['never', null, 0],
      ]);
      expect(told(await device.list({ LastSyncCount: 1 }))).toEqual([['fine', 'f', 2]]);
      expect((await events()).at(-1).kinesisSyncRecords).toHaveLength(1);
      await expect(device.updateWith(token, put('x', ''))).rejects.toEqual(INVALID_TOKEN);
    });

    it('to nothing at all: then nothing is written or spent', async () => {
      answer = (event) => ({ ...event, datasetRecords: {} });
      const token = await device.token();
      const updated = await device.updateWith(token, put('kept', 'bad', 1), put('never', 'bad'));
      expect(told(updated)).toEqual([
        ['kept', 'k', 1],
        ['never', null, 0],
      ]);
      expect(updated.Records[1]).toMatchObject({ LastModifiedDate: NEW_YEAR, LastModifiedBy: null });
      expect(await device.list()).toMatchObject({ DatasetSyncCount: 1, Count: 3 });
      expect(await events()).toHaveLength(1);
      answer = echo;
      expect(told(await device.updateWith(token, put('kept', 'good', 1)))).toEqual([['kept', 'good', 2]]);
    });

    it('does not make a dataset where nothing is left', async () => {
      const other = createIdentity(service, device.identity.IdentityId, 'other');
      answer = (event) => ({ ...event, datasetRecords: {} });
      expect(told(await other.update(put('a', '1')))).toEqual([['a', null, 0]]);
      expect(await other.list()).toMatchObject({ DatasetExists: false });
    });
  });

  describe('fails the call, which then changes and spends nothing, where it', () => {
    const fails =
      (reason: FunctionErrorReason, message = 'secret') =>
      () =>
        Promise.reject(new FunctionError(reason, message));
    it.each<[string, Answer, unknown]>([
      [
        'throws, whose text the device gets',
        fails('threw', `score is too high ${'!'.repeat(2_000)}`),
        INVALID_OUTPUT(/^SyncTrigger failed with error score is too high !{982}\.$/),
      ],
      [
        'is not there',
        fails('not-found'),
        INVALID_OUTPUT(/^SyncTrigger is not a function: arn:aws:lambda:\S+; set another one/),
      ],
      ['takes too long', fails('timed-out'), error('LambdaSocketTimeoutException', /too long/)],
      ['is throttled', fails('throttled'), error('LambdaThrottledException', /throttled/, 429)],
      ['answers nothing', () => undefined, INVALID_OUTPUT(/the answer must be an object/)],
      ['names another identity', (event) => ({ ...event, identityId: 'x' }), INVALID_OUTPUT(/identityId/)],
      [
        'answers a number for a value',
        withRecords({ a: JSON.parse('{"newValue":1,"op":"replace"}') }),
        INVALID_OUTPUT(/a\.newValue/),
      ],
      [
        'cannot be invoked for a reason of its own',
        () => Promise.reject(new TypeError('socket')),
        new TypeError('socket'),
      ],
    ])('%s', async (_, broken, refused) => {
      answer = broken;
      const token = await device.token();
      const outcome = await device.updateWith(token, put('a', '1')).catch((reason: unknown) => reason);
      expect(outcome).toEqual(refused);
      expect(String(outcome)).not.toContain('secret');
      expect(await device.list()).toMatchObject({ DatasetExists: false });
      expect(await events()).toEqual([]);
      answer = echo;
      await device.updateWith(token, put('a', '1'));
    });

    it('is set where no functions are', async () => {
      const { operations } = createSyncService(database);
      await expect(createIdentity({ ...service, operations }).update(put('a', '1'))).rejects.toEqual(
        INVALID_OUTPUT(/^SyncTrigger is not a function: arn:aws:lambda:\S+; set another one/),
      );
    });
  });

  describe('runs again where the dataset changed meanwhile', () => {
    it('on what it has become', async () => {
      await owner.update(put('a', '1'), put('b', '1'));
      answer = async (event, run) => {
        if (run === 1) await owner.update(put('b', '2', 1), put('c', '2'));
        return withRecords({ seen: set(Object.keys(event.datasetRecords).toSorted().join()) })(event);
      };
      expect(told(await device.update(put('a', '3', 1)))).toEqual([
        ['a', '3', 3],
        ['seen', 'a,b,c', 3],
      ]);
      expect(calls.map(({ records }) => records.b?.oldValue)).toEqual(['1', '2']);
      expect(calls).toHaveLength(2);
    });

    it('and adds to what became another record', async () => {
      answer = async (event, run) => {
        if (run === 1) await owner.update(put('total', '1'));
        const total = Number(event.datasetRecords.total?.oldValue ?? 0);
        return withRecords({ total: set(String(total + 10)) })(event);
      };
      expect(told(await device.update(put('a', '3')))).toEqual([
        ['a', '3', 2],
        ['total', '11', 2],
      ]);
    });

    it('unless that made a patch stale', async () => {
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

    it('unless the token was spent by that', async () => {
      const token = await device.token();
      answer = async (event, run) => {
        if (run === 1) await owner.updateWith(token, put('b', '1'));
        return event;
      };
      await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(INVALID_TOKEN);
      expect(told(await device.list())).toEqual([['b', '1', 1]]);
    });

    it('by its removal', async () => {
      await owner.update(put('a', '1'));
      answer = async (event, run) => {
        if (run === 1) await owner.remove();
        return event;
      };
      expect(told(await device.update(put('b', '1', 1)))).toEqual([['b', '1', 3]]);
      expect(calls.map(({ records }) => Object.keys(records))).toEqual([['a', 'b'], ['b']]);
    });

    it('within five seconds in all', async () => {
      await owner.update(put('b', '0'));
      answer = async (event, run) => {
        service.clock.now += 2_000;
        await owner.update(put('b', String(run), run));
        return event;
      };
      const token = await device.token();
      await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(
        error('LambdaSocketTimeoutException', /too long/),
      );
      expect(calls.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 3_000, 1_000]);
      answer = echo;
      await device.updateWith(token, put('a', '1'));
      expect(calls.at(-1)?.timeoutMs).toBe(5_000);
    });

    it('with no more time for a clock that was put back', async () => {
      await owner.update(put('b', '0'));
      answer = async (event, run) => {
        service.clock.now -= 60_000;
        if (run < 3) await owner.update(put('b', String(run), run));
        return event;
      };
      await device.update(put('a', '1'));
      expect(calls.map(({ timeoutMs }) => timeoutMs)).toEqual([5_000, 5_000, 5_000]);
    });

    it('so that of many at once each is seen by the next', async () => {
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

  describe('is held to the limits', () => {
    const limited = (limits: Partial<Limits>) => createIdentity(createService(limits));

    it.each<[string, Partial<Limits>, Answer]>([
      ['of records', { recordsPerDataset: 2 }, withRecords({ b: set(''), c: set('') })],
      ['of size', { datasetBytes: 10 }, withRecords({ a: set('1234567890') })],
    ])('%s', async (_, limits, broken) => {
      answer = broken;
      await expect(limited(limits).update(put('a', '1'))).rejects.toEqual(error('LimitExceededException'));
    });

    it('of a call', async () => {
      answer = withRecords({ b: set(''), c: set('') });
      await expect(limited({ patchesPerCall: 2 }).update(put('a', '1'))).rejects.toEqual(
        INVALID_OUTPUT(/^SyncTrigger answered what is not valid: datasetRecords must not change more than 2/),
      );
    });

    it('and can bring within them what is too much', async () => {
      answer = withRecords({ a: set('short'), b: undefined });
      const own = limited({ recordsPerDataset: 1, datasetBytes: 10 });
      expect(told(await own.update(put('a', 'much too long'), put('b', '')))).toEqual([
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

    it('by which a score that goes down comes back', async () => {
      await device.update(put('score', '10'));
      expect(told(await device.update(put('score', '9', 1)))).toEqual([['score', '10', 2]]);
      expect(told(await device.list())).toEqual([['score', '10', 2]]);
      expect(decisions).toEqual([
        {
          rule: 'datasets.game.keys.score',
          key: 'score',
          action: 'reverted',
          reason: 'it must not go down',
        },
      ]);
    });

    it('by which a key that nobody knows is dropped, and the others are written', async () => {
      expect(told(await device.update(put('coins', '999'), put('score', '1')))).toEqual([
        ['coins', null, 1],
        ['score', '1', 1],
      ]);
      expect((await device.describe()).Dataset).toMatchObject({ NumRecords: 1 });
    });

    it('by which a badge arrives with the answer, which no device can give itself', async () => {
      expect(told(await device.update(put('badge', 'gold')))).toEqual([['badge', null, 1]]);
      expect(told(await device.update(put('score', '101')))).toEqual([
        ['score', '101', 2],
        ['badge', 'gold', 2],
      ]);
      expect(told(await device.update(drop('badge', 2)))).toEqual([['badge', 'gold', 3]]);
    });

    it('by which a call fails, and says why', async () => {
      await expect(device.update(put('score', '1'), put('name', 'admin'))).rejects.toEqual(
        INVALID_OUTPUT(/^SyncTrigger failed with error name: taken\.$/),
      );
      expect(await device.list()).toMatchObject({ DatasetExists: false });
      expect(decisions).toEqual([expect.objectContaining({ action: 'rejected', key: 'name' })]);
    });

    it('but not to what a developer writes', async () => {
      await owner.update(put('score', 'none'), put('coins', '1'));
      expect(told(await device.update(put('score', '5', 1)))).toEqual([['score', '5', 2]]);
      expect(told(await device.update(drop('coins', 1)))).toEqual([['coins', null, 3]]);
    });

    it('without effect while they observe', async () => {
      apply({ ...GAME, mode: 'observe' });
      expect(told(await device.update(put('name', 'admin')))).toEqual([['name', 'admin', 1]]);
      expect(decisions).toEqual([expect.objectContaining({ action: 'rejected', key: 'name' })]);
    });
  });

  it('is the deployed function, in a thread of its own', async () => {
    const modules = { 'sync-trigger': new URL('../../../functions/sync-trigger.ts', import.meta.url) };
    const functions = createLocalFunctions({ modules, region: 'us-east-1', rulesFile: DEFAULT_RULES_FILE });
    onTestFinished(() => functions.close());
    const own = createIdentity(createService({}, functions.invoke));
    expect(told(await own.update(put('__proto__', '1'), put('b', '\u0001')))).toEqual([
      ['__proto__', '1', 1],
      ['b', '\u0001', 1],
    ]);
    expect(told(await own.update(drop('__proto__', 1)))).toEqual([['__proto__', null, 2]]);
  });
});
