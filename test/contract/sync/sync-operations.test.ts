import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../lib/common/caller.ts';
import type { Database } from '../../../lib/database/database.ts';
import { decodeStreamEvent } from '../../../lib/stream/decode-stream-event.ts';
import type { Limits } from '../../../lib/sync/limits.ts';
import type { RecordPatch, SyncOperations } from '../../../lib/sync/model.ts';
import type { FillingDataset } from '../../../lib/sync/row-limits.ts';
import { createSyncStore } from '../../../lib/sync/store/sync-store.ts';
import { SERVERS } from '../../fixtures/database/databases.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, DEVELOPER, drop, put } from '../../fixtures/sync/sync-service.ts';

const HOUR = 60 * 60 * 1000;
const error = (code: string, message: string | RegExp) =>
  expect.objectContaining({
    code,
    message: typeof message === 'string' ? message : expect.stringMatching(message),
  });
const INVALID_TOKEN = error('InvalidParameterException', 'SyncSessionToken not valid for these inputs');
const INVALID_NEXT = error('InvalidParameterException', 'NextToken not valid for these inputs');
const NOT_FOUND = error('ResourceNotFoundException', "Dataset 'game' not found");
const LIMIT = error('LimitExceededException', /the limit is/);
const noSuch = (count: number) =>
  error('InvalidParameterException', `No such SyncCount: ${count} exists for this Dataset`);
const conflict = (key: string, is: number, not: number) =>
  error('ResourceConflictException', `Current SyncCount for: ${key} is: ${is} not: ${not}`);

type Device = ReturnType<typeof createDevice>;
type Listed = Awaited<ReturnType<Device['list']>>;

function valuesOf({ Records }: Pick<Listed, 'Records'>): Record<string, string | null> {
  return Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value]));
}

describe.each(SERVERS)('sync operations on $name', ({ open }) => {
  let database: Database;
  let operations: SyncOperations;
  let clock: { now: number };
  let device: Device;

  beforeAll(async () => {
    database = await open();
    await createPool(database);
  });
  afterAll(() => database.close());
  beforeEach(() => {
    ({ operations, clock } = createSyncService(database));
    device = createDevice(operations);
  });
  const events = () => readOutboxEvents(database, device.identity.IdentityId);
  const limitedDevice = (limits: Partial<Limits>, identityId = device.identity.IdentityId) =>
    createDevice(createSyncService(database, limits).operations, { identityId });

  describe('a first write', () => {
    it('is preceded by a listing that reports no dataset and no records, with a session token', async () => {
      expect(await device.list()).toEqual({
        Records: [],
        NextToken: null,
        Count: 0,
        DatasetSyncCount: 0,
        LastModifiedBy: null,
        MergedDatasetNames: null,
        DatasetExists: false,
        DatasetDeletedAfterRequestedSyncCount: false,
        SyncSessionToken: expect.any(String),
      });
    });

    it('creates the dataset with count 1', async () => {
      const patch: RecordPatch = { ...put('score', '42'), DeviceLastModifiedDate: NEW_YEAR - 500.4 };
      const score = {
        Key: 'score',
        Value: '42',
        SyncCount: 1,
        LastModifiedDate: NEW_YEAR,
        LastModifiedBy: '000000000000',
        DeviceLastModifiedDate: NEW_YEAR - 500,
      };
      const name = { ...score, Key: 'name', Value: '', DeviceLastModifiedDate: null };
      expect(await device.update(patch, put('name', ''))).toEqual({ Records: [score, name] });
      const listed = await device.list();
      expect(listed).toMatchObject({
        Count: 2,
        DatasetSyncCount: 1,
        LastModifiedBy: '000000000000',
        DatasetExists: true,
        NextToken: null,
      });
      expect(listed.Records).toHaveLength(2);
      expect(listed.Records).toEqual(expect.arrayContaining([score, name]));
    });

    it('is visible in DescribeDataset and ListDatasets', async () => {
      await device.update(put('é', '12'), put('b', '\u{1F600}'), drop('c'));
      const dataset = {
        IdentityId: device.identity.IdentityId,
        DatasetName: 'game',
        CreationDate: NEW_YEAR,
        LastModifiedDate: NEW_YEAR,
        LastModifiedBy: '000000000000',
        DataStorage: 9,
        NumRecords: 2,
      };
      expect(await device.describe()).toEqual({ Dataset: dataset });
      expect(await device.listDatasets()).toEqual({ Datasets: [dataset], Count: 1, NextToken: null });
    });

    it('stores the identity id as LastModifiedBy if an identity writes', async () => {
      const identityId = `us-east-1:${randomUUID()}`;
      const caller: Caller = { kind: 'identity', identityPoolId: POOL, identityId };
      const own = createDevice(operations, { identityId, caller });
      expect((await own.update(put('a', '1'))).Records).toMatchObject([{ LastModifiedBy: identityId }]);
      expect((await own.list()).LastModifiedBy).toBe(identityId);
    });
  });

  describe('sync counts', () => {
    it('increase by one per call, and all records of the call get the new count', async () => {
      await device.update(put('a', '1'), put('b', '1'), put('c', '1'));
      const { Records } = await device.update(put('a', '2', 1), put('d', '2'));
      expect(Records.map(({ SyncCount }) => SyncCount)).toEqual([2, 2]);
      expect((await device.list()).DatasetSyncCount).toBe(2);
      expect(valuesOf(await device.list({ LastSyncCount: 1 }))).toEqual({ a: '2', d: '2' });
      expect(await device.list({ LastSyncCount: 2 })).toMatchObject({ Records: [], DatasetExists: true });
    });

    it('increase even if the value stays the same', async () => {
      await device.update(put('a', '1'));
      expect((await device.update(put('a', '1', 1))).Records).toMatchObject([{ SyncCount: 2 }]);
    });

    it('of patches may equal the dataset’s count if the record is older or does not exist', async () => {
      await device.update(put('a', '1'));
      await device.update(put('b', '1'));
      await device.update(put('a', '2', 2), put('new', '1', 2));
      expect(valuesOf(await device.list())).toEqual({ a: '2', b: '1', new: '1' });
    });

    it.each([1, 2, Number.MAX_SAFE_INTEGER])(
      'of %d are rejected if the dataset has a lower count',
      async (count) => {
        const { SyncSessionToken } = await device.list();
        await expect(device.updateWith(SyncSessionToken, put('a', '1', count))).rejects.toEqual(
          noSuch(count),
        );
        await device.updateWith(SyncSessionToken, put('a', '1'));
        await expect(device.update(put('a', '2', count + 1))).rejects.toEqual(
          count === Number.MAX_SAFE_INTEGER
            ? error('InvalidParameterException', /'recordPatches.1.member.syncCount'/)
            : noSuch(count + 1),
        );
        await expect(device.list({ LastSyncCount: Math.max(2, count) })).rejects.toEqual(
          noSuch(Math.max(2, count)),
        );
      },
    );

    it('above 0 in listings are rejected if the dataset never existed, so that no client erases its local copy', async () => {
      await expect(device.list({ LastSyncCount: 37 })).rejects.toEqual(noSuch(37));
      expect(await device.list({ LastSyncCount: 0 })).toMatchObject({ DatasetExists: false });
    });

    it.each([-1, 0.5, Number.NaN, 2 ** 53])('of %d are invalid', async (count) => {
      await expect(device.list({ LastSyncCount: count })).rejects.toEqual(
        error('InvalidParameterException', /'lastSyncCount'/),
      );
      await expect(device.update(put('a', '1', count))).rejects.toEqual(
        error('InvalidParameterException', /'recordPatches.1.member.syncCount'/),
      );
    });

    it('have dates that increase, even if the clock is set back', async () => {
      await device.update(put('a', '1'));
      clock.now -= HOUR;
      expect((await device.update(put('a', '2', 1))).Records).toMatchObject([
        { LastModifiedDate: NEW_YEAR + 1 },
      ]);
      clock.now += 2 * HOUR;
      await device.update(put('a', '3', 2));
      expect((await device.describe()).Dataset).toMatchObject({
        CreationDate: NEW_YEAR,
        LastModifiedDate: NEW_YEAR + HOUR,
      });
    });
  });

  describe('a conflict', () => {
    it('occurs if a patch is older than its record', async () => {
      await device.update(put('a', '1'));
      await device.update(put('a', '2', 1));
      await expect(device.update(put('a', '3'))).rejects.toEqual(conflict('a', 2, 0));
      await expect(device.update(put('a', '3', 1))).rejects.toEqual(conflict('a', 2, 1));
      await expect(device.update(drop('a', 1))).rejects.toEqual(conflict('a', 2, 1));
    });

    it('occurs even if the value is the same', async () => {
      await device.update(put('a', '1'));
      await expect(device.update(put('a', '1'))).rejects.toEqual(conflict('a', 1, 0));
    });

    it('fails the whole call, which changes nothing and leaves the token valid', async () => {
      await device.update(put('a', '1'));
      const { SyncSessionToken } = await device.list();
      const call = device.updateWith(SyncSessionToken, put('b', '1'), put('a', '2'));
      await expect(call).rejects.toEqual(conflict('a', 1, 0));
      expect(await device.list({ SyncSessionToken })).toMatchObject({
        DatasetSyncCount: 1,
        SyncSessionToken,
      });
      expect(await events()).toHaveLength(1);
      await device.updateWith(SyncSessionToken, put('b', '1'), put('a', '2', 1));
      expect(valuesOf(await device.list())).toEqual({ a: '2', b: '1' });
    });
  });

  describe('a removed record', () => {
    it('stays as a tombstone in the response and in every listing', async () => {
      await device.update(put('a', '1'), put('b', '1'));
      const { Records } = await device.update({ ...drop('a', 1), Value: '' });
      expect(Records).toEqual([
        {
          Key: 'a',
          Value: null,
          SyncCount: 2,
          LastModifiedDate: NEW_YEAR + 1,
          LastModifiedBy: '000000000000',
          DeviceLastModifiedDate: null,
        },
      ]);
      expect((await device.list({ LastSyncCount: 1 })).Records).toEqual(Records);
      expect(valuesOf(await device.list())).toEqual({ a: null, b: '1' });
      expect((await device.describe()).Dataset).toMatchObject({ NumRecords: 1, DataStorage: 2 });
    });

    it('can be created again by a device that has received the removal', async () => {
      await device.update(put('a', '1'));
      await device.update(drop('a', 1));
      await expect(device.update(put('a', '2'))).rejects.toEqual(conflict('a', 2, 0));
      await device.update(put('a', '2', 2));
      expect(valuesOf(await device.list())).toEqual({ a: '2' });
    });
  });

  describe('the removal of a key that never existed', () => {
    const never = {
      Key: 'never',
      Value: null,
      SyncCount: 1,
      LastModifiedDate: NEW_YEAR,
      LastModifiedBy: '000000000000',
      DeviceLastModifiedDate: NEW_YEAR - 5,
    };
    const removal = { ...drop('never'), DeviceLastModifiedDate: NEW_YEAR - 5 };

    it('creates the dataset and returns the dataset’s count, but writes no record', async () => {
      expect(await device.update(removal)).toEqual({ Records: [never] });
      expect(await device.list()).toMatchObject({ DatasetExists: true, DatasetSyncCount: 1, Records: [] });
      expect((await device.describe()).Dataset).toMatchObject({ NumRecords: 0, DataStorage: 0 });
      expect(await events()).toEqual([
        expect.objectContaining({ operation: 'replace', kinesisSyncRecords: [], syncCount: 1 }),
      ]);
    });

    it('increases the count of an existing dataset, but is omitted from the dataset’s event', async () => {
      await device.update(put('a', '1'));
      const { Records } = await device.update(drop('never'), put('a', '2', 1), drop('neither', 1));
      expect(Records.map(({ Key, Value, SyncCount }) => [Key, Value, SyncCount])).toEqual([
        ['never', null, 2],
        ['a', '2', 2],
        ['neither', null, 2],
      ]);
      expect(valuesOf(await device.list())).toEqual({ a: '2' });
      expect((await events()).at(-1)).toMatchObject({ kinesisSyncRecords: [{ key: 'a' }], syncCount: 2 });
    });

    it('allows the key to be created with the returned count or with 0', async () => {
      await device.update(drop('a'), drop('b'));
      await device.update(put('a', '1', 1), put('b', '1'));
      expect(valuesOf(await device.list())).toEqual({ a: '1', b: '1' });
    });

    it('also writes no record if the key existed only before the dataset was deleted', async () => {
      await device.update(put('a', '1'));
      await device.remove();
      expect((await device.update(drop('a'))).Records).toMatchObject([{ Value: null, SyncCount: 3 }]);
      expect(await device.list()).toMatchObject({ Records: [], DatasetExists: true, DatasetSyncCount: 3 });
    });
  });

  describe('a deleted dataset', () => {
    beforeEach(async () => {
      await device.update(put('a', '1'));
      clock.now += HOUR;
    });

    it('is returned by DeleteDataset and no longer exists afterwards', async () => {
      const before = (await device.describe()).Dataset;
      expect(await device.remove()).toEqual({ Dataset: before });
      await expect(device.describe()).rejects.toEqual(NOT_FOUND);
      await expect(device.remove()).rejects.toEqual(NOT_FOUND);
      expect(await device.listDatasets()).toEqual({ Datasets: [], Count: 0, NextToken: null });
      const { rows } = await database.query(
        `SELECT 1 FROM sync.records JOIN sync.datasets USING (dataset_id) WHERE identity_id = $1`,
        [device.identity.IdentityId],
      );
      expect(rows).toEqual([]);
    });

    it('is reported as deleted to devices that had the dataset', async () => {
      await device.remove();
      const deleted = {
        Records: [],
        Count: 0,
        DatasetSyncCount: 2,
        DatasetExists: false,
        LastModifiedBy: null,
      };
      expect(await device.list({ LastSyncCount: 1 })).toMatchObject({
        ...deleted,
        DatasetDeletedAfterRequestedSyncCount: true,
      });
      for (const LastSyncCount of [undefined, 0, 2]) {
        expect(await device.list({ LastSyncCount })).toMatchObject({
          ...deleted,
          DatasetDeletedAfterRequestedSyncCount: false,
        });
      }
    });

    it('rejects a listing with a sync count above its own, which comes from another service, and reports no deletion', async () => {
      await device.remove();
      await expect(device.list({ LastSyncCount: 99 })).rejects.toEqual(noSuch(99));
    });

    it('continues its counts and dates when it is created again, without its old records', async () => {
      await device.remove();
      clock.now -= HOUR;
      const { Records } = await device.update(put('b', '2'), put('c', '2', 2));
      expect(Records).toMatchObject([
        { SyncCount: 3, LastModifiedDate: NEW_YEAR + HOUR + 1 },
        { SyncCount: 3, LastModifiedDate: NEW_YEAR + HOUR + 1 },
      ]);
      expect(valuesOf(await device.list())).toEqual({ b: '2', c: '2' });
      expect((await device.describe()).Dataset).toMatchObject({
        CreationDate: NEW_YEAR + HOUR + 1,
        NumRecords: 2,
        DataStorage: 4,
      });
    });

    it('is reported as deleted even after it was created again, with all its new records', async () => {
      await device.remove();
      await device.update(put('a', '2'));
      await device.update(put('c', '3'));
      const old = await device.list({ LastSyncCount: 1 });
      expect(old).toMatchObject({ DatasetExists: true, DatasetDeletedAfterRequestedSyncCount: true });
      expect(valuesOf(old)).toEqual({ a: '2', c: '3' });
      const knowing = await device.list({ LastSyncCount: 3 });
      expect(knowing).toMatchObject({ DatasetExists: true, DatasetDeletedAfterRequestedSyncCount: false });
      expect(valuesOf(knowing)).toEqual({ c: '3' });
      expect((await device.list()).DatasetDeletedAfterRequestedSyncCount).toBe(false);
    });

    it('can be written with a token from before the deletion', async () => {
      const token = await device.token();
      await device.remove();
      await device.updateWith(token, put('a', '2'));
      expect(valuesOf(await device.list())).toEqual({ a: '2' });
    });
  });

  describe('a session token', () => {
    it('can be used for one update; later updates and listings reject it', async () => {
      const token = await device.token();
      await device.updateWith(token, put('a', '1'));
      await expect(device.updateWith(token, put('b', '1'))).rejects.toEqual(INVALID_TOKEN);
      await expect(device.updateWith(token)).rejects.toEqual(INVALID_TOKEN);
      await expect(device.list({ SyncSessionToken: token })).rejects.toEqual(INVALID_TOKEN);
      expect(valuesOf(await device.list())).toEqual({ a: '1' });
    });

    it('cannot be used again after the dataset is deleted', async () => {
      const token = await device.token();
      await device.updateWith(token, put('a', '1'));
      await device.remove();
      await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(INVALID_TOKEN);
    });

    it('cannot be used again as long as a host whose clock is behind would accept it', async () => {
      const token = await device.token();
      await device.updateWith(token, put('a', '1'));
      clock.now += 24 * HOUR - 1;
      await device.update(put('a', '2', 1));
      await expect(device.updateWith(token, put('a', '3', 2))).rejects.toEqual(INVALID_TOKEN);
      clock.now += 30 * 60 * 1000;
      await device.update(put('a', '3', 2));
      clock.now = NEW_YEAR;
      await expect(device.updateWith(token, put('a', '4', 3))).rejects.toEqual(INVALID_TOKEN);
    });

    it('is new for each listing, unless the request contains one', async () => {
      const token = await device.token();
      expect(await device.token()).not.toBe(token);
      expect((await device.list({ SyncSessionToken: token })).SyncSessionToken).toBe(token);
    });

    it('is valid for 24 hours', async () => {
      const token = await device.token();
      clock.now += 24 * HOUR - 1;
      await device.list({ SyncSessionToken: token });
      clock.now += 1;
      await expect(device.list({ SyncSessionToken: token })).rejects.toEqual(INVALID_TOKEN);
      await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(INVALID_TOKEN);
    });

    it('is valid only for the dataset and the identity for which it was issued', async () => {
      const { IdentityId: identityId } = device.identity;
      const tokens = [
        await createDevice(operations).token(),
        await createDevice(operations, { identityId, datasetName: 'other' }).token(),
        `${await device.token()}A`,
        'made up',
        '',
      ];
      for (const token of tokens) {
        await expect(device.updateWith(token, put('a', '1'))).rejects.toEqual(INVALID_TOKEN);
        await expect(device.list({ SyncSessionToken: token })).rejects.toEqual(INVALID_TOKEN);
      }
      expect((await device.list()).DatasetExists).toBe(false);
    });
  });

  describe('a call without patches', () => {
    it('changes nothing and leaves the token valid', async () => {
      const token = await device.token();
      expect(await device.updateWith(token)).toEqual({ Records: [] });
      const { IdentityId, DatasetName } = device.dataset;
      const without = { IdentityPoolId: POOL, IdentityId, DatasetName, SyncSessionToken: token };
      expect(await operations.UpdateRecords(without, DEVELOPER)).toEqual({ Records: [] });
      expect((await device.list()).DatasetExists).toBe(false);
      expect(await events()).toEqual([]);
      await device.updateWith(token, put('a', '1'));
    });
  });

  describe('pages', () => {
    const everyPage = async (MaxResults: number, LastSyncCount?: number) => {
      const pages = [await device.list({ MaxResults, LastSyncCount })];
      for (let last = pages[0]; last?.NextToken; last = pages.at(-1)) {
        pages.push(await device.list({ MaxResults, NextToken: last.NextToken }));
      }
      return pages;
    };

    it('contain each record once, and all contain the same session token', async () => {
      await device.update(...Array.from({ length: 7 }, (_, index) => put(`key ${index}`, String(index))));
      const pages = await everyPage(3);
      expect(pages.map(({ Count, Records }) => [Count, Records.length])).toEqual([
        [3, 3],
        [3, 3],
        [1, 1],
      ]);
      expect(new Set(pages.flatMap(({ Records }) => Records.map(({ Key }) => Key))).size).toBe(7);
      expect(new Set(pages.map((page) => page.SyncSessionToken)).size).toBe(1);
      await device.updateWith(pages[2]?.SyncSessionToken ?? '', put('key 0', 'new', 1));
    });

    it('continue from the LastSyncCount of the first request', async () => {
      await device.update(put('old', '1'));
      await device.update(put('a', '1'), put('b', '1'), put('c', '1'));
      const pages = await everyPage(2, 1);
      expect(pages.flatMap(({ Records }) => Records.map(({ Key }) => Key)).toSorted()).toEqual([
        'a',
        'b',
        'c',
      ]);
    });

    it('leave concurrent changes to the next listing', async () => {
      await device.update(...['a', 'b', 'c', 'd'].map((key) => put(key, '1')));
      const first = await device.list({ MaxResults: 2 });
      await device.update(...['a', 'b', 'c', 'd', 'e'].map((key) => put(key, '2', 1)));
      const second = await device.list({ MaxResults: 2, NextToken: first.NextToken ?? '' });
      expect(second).toMatchObject({ Records: [], DatasetSyncCount: 1, NextToken: null });
      expect((await device.list({ LastSyncCount: 1 })).Count).toBe(5);
    });

    it('report a concurrent deletion', async () => {
      await device.update(put('first', '1'));
      await device.update(...['a', 'b', 'c'].map((key) => put(key, '1')));
      const first = await device.list({ MaxResults: 2, LastSyncCount: 1 });
      await device.remove();
      expect(await device.list({ MaxResults: 2, NextToken: first.NextToken ?? '' })).toMatchObject({
        Records: [],
        DatasetExists: false,
        DatasetDeletedAfterRequestedSyncCount: true,
      });
    });

    it('contain the whole dataset, tombstones included, if MaxResults is missing', async () => {
      const keys = Array.from({ length: 1_100 }, (_, index) => `key ${index}`);
      await device.update(...keys.slice(0, 76).map((key) => put(key, '')));
      await device.update(...keys.slice(0, 76).map((key) => drop(key, 1)));
      await device.update(...keys.slice(76).map((key) => put(key, 'x')));
      expect(new Set((await device.list()).Records.map(({ Key }) => Key))).toEqual(new Set(keys));
      expect(await device.list()).toMatchObject({ Count: 1_100, NextToken: null });
      expect(await device.list({ MaxResults: 1_024 })).toMatchObject({
        Count: 1_024,
        NextToken: expect.any(String),
      });
    });

    it('without MaxResults are read in parts of 1,024 records, each only after the previous part is sent', async () => {
      const reads: (number | null)[] = [];
      const store = createSyncStore(database);
      const limits = { recordsPerDataset: 3_000 };
      const service = createSyncService(database, limits, undefined, {
        store: {
          ...store,
          readRecords(key, options) {
            reads.push(options.limit);
            return store.readRecords(key, options);
          },
        },
      });
      const large = limitedDevice(limits);
      const keys = Array.from({ length: 2_100 }, (_, index) => `key ${index}`);
      await large.update(...keys.map((key) => put(key, '')));
      const { Records, NextToken, rest } = await service.operations.ListRecords(large.dataset, DEVELOPER);
      expect([Records.length, NextToken, reads]).toEqual([1_024, null, [1_024]]);
      await large.update(put('key 2000', 'changed', 1), put('new', ''));
      const parts: string[][] = [];
      for await (const part of rest ?? []) {
        parts.push(part.map(({ Key }) => Key));
        expect(reads).toEqual(Array.from({ length: parts.length + 1 }, () => 1_024));
      }
      const listed = [...Records.map(({ Key }) => Key), ...parts.flat()];
      expect(new Set(listed).size).toBe(listed.length);
      expect(listed).not.toContain('new');
      // A record that is changed while it is listed may be missing; the next listing returns it.
      expect(keys.filter((key) => !listed.includes(key))).toEqual(
        listed.includes('key 2000') ? [] : ['key 2000'],
      );
      expect(valuesOf(await large.list({ LastSyncCount: 1 }))).toEqual({ 'key 2000': 'changed', new: '' });
    });

    it.each([0, -1, 1.5, 1_025, Number.NaN])('cannot have %d results', async (MaxResults) => {
      const invalid = error('InvalidParameterException', /'maxResults'/);
      await expect(device.list({ MaxResults })).rejects.toEqual(invalid);
      await expect(device.listDatasets({ MaxResults })).rejects.toEqual(invalid);
    });

    it('are rejected if NextToken is altered, expired, from another dataset or from a session that was used', async () => {
      await device.update(put('a', '1'), put('b', '1'));
      const { IdentityId: identityId } = device.identity;
      const other = createDevice(operations, { identityId, datasetName: 'other' });
      const { NextToken, SyncSessionToken } = await device.list({ MaxResults: 1 });
      await expect(other.list({ NextToken: NextToken ?? '' })).rejects.toEqual(INVALID_NEXT);
      await expect(device.list({ NextToken: `${NextToken}A` })).rejects.toEqual(INVALID_NEXT);
      await expect(device.list({ NextToken: SyncSessionToken })).rejects.toEqual(INVALID_NEXT);
      await device.updateWith(SyncSessionToken, put('a', '2', 1));
      await expect(device.list({ NextToken: NextToken ?? '' })).rejects.toEqual(INVALID_NEXT);
      const late = await device.list({ MaxResults: 1 });
      clock.now += 24 * HOUR;
      await expect(device.list({ NextToken: late.NextToken ?? '' })).rejects.toEqual(INVALID_NEXT);
    });

    it('of ListDatasets contain each dataset once', async () => {
      const { IdentityId: identityId } = device.identity;
      for (const datasetName of ['c', 'a', 'B']) {
        await createDevice(operations, { identityId, datasetName }).update(put('k', 'v'));
      }
      const first = await device.listDatasets({ MaxResults: 2 });
      expect(first.Datasets.map(({ DatasetName }) => DatasetName)).toEqual(['B', 'a']);
      const second = await device.listDatasets({ MaxResults: 2, NextToken: first.NextToken ?? '' });
      expect(second).toMatchObject({ Datasets: [{ DatasetName: 'c' }], Count: 1, NextToken: null });
      const other = createDevice(operations);
      await expect(other.listDatasets({ NextToken: first.NextToken ?? '' })).rejects.toEqual(INVALID_NEXT);
    });
  });

  describe('limits', () => {
    it('on the number of datasets apply only to new datasets', async () => {
      const { IdentityId: identityId } = device.identity;
      const service = createSyncService(database, { datasetsPerIdentity: 2 });
      const named = (datasetName: string) => createDevice(service.operations, { identityId, datasetName });
      await named('a').update(put('k', 'v'));
      await named('b').update(put('k', 'v'));
      await expect(named('c').update(put('k', 'v'))).rejects.toEqual(LIMIT);
      await named('a').update(put('k', 'w', 1));
      await named('a').remove();
      await named('c').update(put('k', 'v'));
      await expect(named('a').update(put('k', 'v'))).rejects.toEqual(LIMIT);
    });

    it('on the number of datasets also apply to datasets that are created concurrently', async () => {
      const { IdentityId: identityId } = device.identity;
      const outcomes = await Promise.allSettled(
        Array.from({ length: 24 }, (_, index) =>
          createDevice(operations, { identityId, datasetName: `d${index}` }).update(put('k', 'v')),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(20);
      expect((await device.listDatasets()).Count).toBe(20);
    });

    it('on records count only live records', async () => {
      const limited = limitedDevice({ recordsPerDataset: 2 });
      await limited.update(put('x', '1'));
      await limited.update(put('a', '1'), put('b', '1'), drop('x', 1));
      const token = await limited.token();
      await expect(limited.updateWith(token, put('c', '1'))).rejects.toEqual(LIMIT);
      await limited.updateWith(token, put('c', '1'), drop('a', 2));
      expect(valuesOf(await limited.list())).toEqual({ a: null, b: '1', c: '1', x: null });
    });

    it('on the size of a dataset count the bytes of keys and values', async () => {
      const limited = limitedDevice({ datasetBytes: 10 });
      await limited.update(put('é', 'é'), put('b', '12345'));
      await expect(limited.update(put('b', '123456', 1))).rejects.toEqual(LIMIT);
      await limited.update(put('b', '123456', 1), drop('é', 1));
      expect((await limited.describe()).Dataset.DataStorage).toBe(7);
    });

    it('that were lowered allow a dataset to shrink but not to grow', async () => {
      await device.update(put('a', '1234'), put('b', '1234'), put('c', '1234'));
      const limited = limitedDevice({ recordsPerDataset: 1, datasetBytes: 5 });
      await limited.update(put('a', '12', 1), drop('c', 1));
      await expect(limited.update(put('a', '123', 2))).rejects.toEqual(LIMIT);
      await expect(limited.update(put('d', ''))).rejects.toEqual(LIMIT);
    });

    it('on rows count tombstones too, and reject only calls that create rows', async () => {
      const limited = limitedDevice({ rowsPerDataset: 3 });
      await limited.update(put('a', '1'), put('b', '1'));
      await limited.update(drop('a', 1), put('c', '1'));
      const token = await limited.token();
      await expect(limited.updateWith(token, put('d', '1'))).rejects.toEqual(LIMIT);
      await expect(limited.updateWith(token, drop('b', 1), put('d', '1'))).rejects.toEqual(LIMIT);
      await limited.updateWith(token, drop('b', 1), put('a', '2', 2), put('c', '2', 2), drop('never'));
      await limited.update(drop('a', 3), drop('c', 3));
      expect(valuesOf(await limited.list())).toEqual({ a: null, b: null, c: null });
      await limited.remove();
      await limited.update(put('d', '1'), put('e', '1'), put('f', '1'));
    });

    it('on key bytes also count the keys of tombstones', async () => {
      const limited = limitedDevice({ keyBytesPerDataset: 5 });
      await limited.update(put('é', '1'), put('ab', '1'));
      await limited.update(drop('é', 1));
      await expect(limited.update(put('cd', ''))).rejects.toEqual(LIMIT);
      await limited.update(put('c', 'a long value'));
      await expect(limited.update(put('d', ''))).rejects.toEqual(LIMIT);
      await limited.update(drop('ab', 1), drop('c', 3));
      await limited.remove();
      await limited.update(put('abcde', ''));
    });

    it('on rows and key bytes that were lowered allow everything except new rows', async () => {
      await device.update(put('a', '1'), put('b', '1'));
      const limited = limitedDevice({ rowsPerDataset: 1, keyBytesPerDataset: 1 });
      await limited.update(put('a', '2', 1), drop('b', 1), drop('never'));
      await expect(limited.update(put('c', ''))).rejects.toEqual(LIMIT);
    });

    it('do not count removals of keys that never existed, because these removals store nothing', async () => {
      const keys = Array.from({ length: 2_400 }, (_, index) => `${index} `.padEnd(1_000, 'k'));
      for (let call = 0; call < 2; call += 1) await device.update(...keys.map((key) => drop(key)));
      expect(await device.list()).toMatchObject({ Records: [], DatasetSyncCount: 2 });
      const { rows } = await database.query(
        `SELECT count(records.record_id) AS rows, max(row_count) AS counted, max(key_bytes) AS bytes
         FROM sync.datasets LEFT JOIN sync.records USING (dataset_id) WHERE identity_id = $1`,
        [device.identity.IdentityId],
      );
      expect(rows).toEqual([{ rows: 0, counted: 0, bytes: 0 }]);
    });

    it('are reported to the operator once per dataset, when 80 % of its rows or key bytes are used', async () => {
      const filling: FillingDataset[] = [];
      const onFilling = (dataset: FillingDataset) => filling.push(dataset);
      const limits = { rowsPerDataset: 5, keyBytesPerDataset: 100 };
      const { operations } = createSyncService(database, limits, undefined, { onFilling });
      const { IdentityId: identityId } = device.identity;
      const rows = createDevice(operations, { identityId });
      await rows.update(put('a', ''), put('b', ''), put('c', ''));
      expect(filling).toEqual([]);
      await rows.update(drop('a', 1), put('d', ''));
      await rows.update(put('d', 'changed', 2), put('e', ''));
      const about = { identityPoolId: POOL, identityId, ...limits };
      expect(filling).toEqual([{ ...about, datasetName: 'game', rowCount: 4, keyBytes: 4 }]);
      const bytes = createDevice(operations, { identityId, datasetName: 'bytes' });
      await bytes.update(put('k'.repeat(79), ''));
      await bytes.update(put('l', ''));
      expect(filling.slice(1)).toEqual([{ ...about, datasetName: 'bytes', rowCount: 2, keyBytes: 80 }]);
    });

    it('on rows also apply to a dataset that an older version of the service wrote', async () => {
      const limited = limitedDevice({ rowsPerDataset: 3 });
      await limited.update(put('é', '1'), put('b', '1'));
      await limited.update(drop('b', 1));
      await database.query(
        'UPDATE sync.datasets SET row_count = NULL, key_bytes = NULL, counted_sync_count = NULL WHERE identity_id = $1',
        [device.identity.IdentityId],
      );
      const again = limitedDevice({ rowsPerDataset: 3 });
      await again.update(put('c', '1'));
      await expect(again.update(put('d', '1'))).rejects.toEqual(LIMIT);
      const { rows } = await database.query(
        'SELECT row_count, key_bytes, counted_sync_count FROM sync.datasets WHERE identity_id = $1',
        [device.identity.IdentityId],
      );
      expect(rows).toEqual([{ row_count: 3, key_bytes: 4, counted_sync_count: 3 }]);
    });

    it('on a call are checked before anything is written', async () => {
      await expect(limitedDevice({ patchesPerCall: 1 }).update(put('a', ''), put('b', ''))).rejects.toEqual(
        LIMIT,
      );
      expect((await device.list()).DatasetExists).toBe(false);
      await device.update(put('a', 'x'.repeat(900_000)));
      await expect(device.update(put('b', 'x'.repeat(200_000)))).rejects.toEqual(LIMIT);
    });

    it('allow one call to write as many records as a dataset may have', async () => {
      const patches = Array.from({ length: 1_024 }, (_, index) =>
        put(`${index} `.padEnd(40, 'k'), 'v'.repeat(500)),
      );
      await device.update(...patches);
      await expect(device.update(put('one more', ''))).rejects.toEqual(LIMIT);
      expect(await device.list()).toMatchObject({ Count: 1_024, NextToken: null });
    });
  });

  describe('patch validation', () => {
    const invalidPatches: [string, RecordPatch[], string][] = [
      ['NUL in a key', [put('a\0', '')], '1.member.key'],
      ['NUL in a value', [put('a', ''), put('b', 'secret\0')], '2.member.value'],
      ['half a surrogate pair in a key', [put('\ud83d', '')], '1.member.key'],
      ['half a surrogate pair in a value', [put('a', 'secret\ude00')], '1.member.value'],
      ['an empty key', [put('', '')], '1.member.key'],
      ['a key that is too long', [put('k'.repeat(1_025), '')], '1.member.key'],
      ['a key twice', [put('a', '1'), put('b', ''), drop('a')], '3.member.key'],
      ['a missing value', [{ Op: 'replace', Key: 'a', SyncCount: 0 }], '1.member.value'],
      [
        'a date out of range',
        [{ ...put('a', ''), DeviceLastModifiedDate: 9e15 }],
        '1.member.deviceLastModifiedDate',
      ],
      [
        'an invalid date',
        [{ ...put('a', ''), DeviceLastModifiedDate: Number.NaN }],
        '1.member.deviceLastModifiedDate',
      ],
    ];

    it.each(invalidPatches)('rejects %s, names its path and writes nothing', async (_, patches, path) => {
      const outcome = await device.update(...patches).catch((reason: unknown) => reason);
      expect(outcome).toEqual(error('InvalidParameterException', new RegExp(`'recordPatches\\.${path}'`)));
      expect(String(outcome)).not.toContain('secret');
      expect((await device.list()).DatasetExists).toBe(false);
    });

    it('accepts the longest key and unusual characters', async () => {
      const key = '鍵'.repeat(1_024);
      const value = '\uFEFF\u0001"\\{}\u{1F600}\u2028';
      await device.update(put(key, value));
      expect(valuesOf(await device.list())).toEqual({ [key]: value });
    });
  });

  describe('another identity', () => {
    it('is rejected by every operation, whether the dataset exists or not', async () => {
      await device.update(put('a', '1'));
      const notAuthorized = error(
        'NotAuthorizedException',
        'These credentials are not valid for accessing this resource',
      );
      const { IdentityId: identityId } = device.identity;
      const otherCallers: Caller[] = [
        { kind: 'identity', identityPoolId: POOL, identityId: `us-east-1:${randomUUID()}` },
        { kind: 'identity', identityPoolId: `us-east-1:${randomUUID()}`, identityId },
      ];
      for (const caller of otherCallers) {
        for (const datasetName of ['game', 'missing']) {
          const other = createDevice(operations, { identityId, datasetName, caller });
          await expect(other.list()).rejects.toEqual(notAuthorized);
          await expect(other.list({ SyncSessionToken: 'x' })).rejects.toEqual(notAuthorized);
          await expect(other.updateWith('x', put('a', '\0'))).rejects.toEqual(notAuthorized);
          await expect(other.listDatasets()).rejects.toEqual(notAuthorized);
          await expect(other.describe()).rejects.toEqual(notAuthorized);
          await expect(other.remove()).rejects.toEqual(notAuthorized);
        }
      }
      expect(valuesOf(await device.list())).toEqual({ a: '1' });
    });
  });

  describe('the stream', () => {
    it('receives one event for each change, which consumers can decode', async () => {
      await device.update({ ...put('a', '1'), DeviceLastModifiedDate: NEW_YEAR - 5 }, put('b', '1'));
      await device.update(drop('a', 1));
      await device.remove();
      const dataset = {
        identityPoolId: POOL,
        identityId: device.identity.IdentityId,
        datasetName: 'game',
      };
      const record = (
        key: string,
        value: string | null,
        syncCount: number,
        device = NEW_YEAR + syncCount - 1,
      ) => ({
        key,
        value,
        syncCount,
        lastModifiedDate: NEW_YEAR + syncCount - 1,
        deviceLastModifiedDate: device,
        op: value === null ? 'remove' : 'replace',
      });
      const version = (syncCount: number) => ({
        payloadType: 'Inline',
        lastModifiedDate: NEW_YEAR + syncCount - 1,
        syncCount,
      });
      const first = [record('a', '1', 1, NEW_YEAR - 5), record('b', '1', 1)];
      const expected = [
        { ...dataset, operation: 'replace', kinesisSyncRecords: first, ...version(1) },
        { ...dataset, operation: 'replace', kinesisSyncRecords: [record('a', null, 2)], ...version(2) },
        { ...dataset, operation: 'remove', ...version(3) },
      ];
      const found = await events();
      // Compares the text, because the order of the members matters.
      expect(found.map((event) => JSON.stringify(event))).toEqual(
        expected.map((event) => JSON.stringify(event)),
      );
      const kinds = found.map((event) => decodeStreamEvent(Buffer.from(JSON.stringify(event))).kind);
      expect(kinds).toEqual(['records', 'records', 'removal']);
    });

    it('is notified after each committed change, and a failed notification does not fail the change', async () => {
      const nudged: string[] = [];
      const service = createSyncService(database, {}, async (outboxId) => {
        const { rows } = await database.query('SELECT 1 FROM sync.outbox WHERE outbox_id = $1', [outboxId]);
        if (rows.length === 1) nudged.push(outboxId);
        throw new Error('the stream is down');
      });
      const nudging = createDevice(service.operations);
      await nudging.update(put('a', '1'));
      await nudging.update();
      await expect(nudging.update(put('a', '2'))).rejects.toEqual(conflict('a', 1, 0));
      await nudging.remove();
      expect(nudged).toHaveLength(2);
    });
  });

  describe('concurrently', () => {
    it('only one of two updates with the same token succeeds', async () => {
      for (let round = 0; round < 5; round += 1) {
        const token = await device.token();
        const both = await Promise.allSettled([
          device.updateWith(token, put(`a${round}`, '1')),
          device.updateWith(token, put(`b${round}`, '1')),
        ]);
        expect(both.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(both).toContainEqual({ status: 'rejected', reason: INVALID_TOKEN });
        expect(await device.list()).toMatchObject({ DatasetSyncCount: round + 1, Count: round + 1 });
      }
    });

    it('eight devices can increment one record without losing an increment', async () => {
      await device.update(put('count', '0'));
      const increment = async () => {
        const { Records, SyncSessionToken } = await device.list();
        const current = Records[0];
        const next = String(Number(current?.Value) + 1);
        await device.updateWith(SyncSessionToken, put('count', next, current?.SyncCount));
      };
      const conflicts: unknown[] = [];
      const incrementFiveTimes = async () => {
        for (let done = 0; done < 5; ) {
          await increment().then(
            () => {
              done += 1;
            },
            (reason) => conflicts.push(reason),
          );
        }
      };
      await Promise.all(Array.from({ length: 8 }, incrementFiveTimes));
      const listed = await device.list();
      expect(valuesOf(listed)).toEqual({ count: '40' });
      expect(listed.DatasetSyncCount).toBe(41);
      for (const reason of conflicts)
        expect(reason).toEqual(
          error('ResourceConflictException', /^Current SyncCount for: count is: \d+ not: \d+$/),
        );
      const counts = (await events()).map(({ syncCount }) => syncCount);
      expect(counts.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 41 }, (_, index) => index + 1));
    });

    it('eight devices can each write their own records without a retry', async () => {
      const write = async (_: unknown, writer: number) => {
        for (let round = 0; round < 5; round += 1) await device.update(put(`${writer}-${round}`, 'x'));
      };
      await Promise.all(Array.from({ length: 8 }, write));
      expect(await device.list()).toMatchObject({ Count: 40, DatasetSyncCount: 40 });
      expect((await device.describe()).Dataset.NumRecords).toBe(40);
    });

    it('updates and deletions leave the dataset consistent', async () => {
      // Writer 0 also deletes the dataset, but not in its last round, so the dataset exists at the end.
      const write = async (_: unknown, writer: number) => {
        for (let round = 0; round < 6; round += 1) {
          if (writer === 0 && round % 2 === 0) await device.remove().catch(() => undefined);
          else await device.update(put(`${writer}-${round}`, 'x'));
        }
      };
      await Promise.all(Array.from({ length: 6 }, write));
      const { Records, DatasetSyncCount } = await device.list();
      const { Dataset } = await device.describe();
      expect(Dataset.NumRecords).toBe(Records.length);
      expect(Dataset.DataStorage).toBe(Records.length * 4);
      const found = await events();
      expect(found).toHaveLength(DatasetSyncCount);
      expect(new Set(found.map(({ lastModifiedDate }) => lastModifiedDate)).size).toBe(DatasetSyncCount);
    });
  });
});
