import {
  DeleteDatasetCommand,
  DescribeDatasetCommand,
  type RecordPatch,
  ResourceConflictException,
  UpdateRecordsCommand,
  type UpdateRecordsCommandInput,
} from '@aws-sdk/client-cognito-sync';
import { describe, expect, it } from 'vitest';
import { isLocalPort } from '../fixtures/wire/entrance.ts';
import { describeRefusals, type RefusedOperation } from '../fixtures/wire/refusals.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import {
  createRudeClient,
  type Identity,
  invalidParameter,
  list,
  newIdentity,
  notValidToken,
  type Refusal,
  refusalOf,
  remove,
  set,
  write,
} from '../fixtures/wire/sync-client.ts';

const { cloud, client } = await openSharedCloud();

const updateGame = (
  identity: Identity,
  SyncSessionToken: string | undefined,
  RecordPatches: RecordPatch[],
  more: Partial<UpdateRecordsCommandInput> = {},
) =>
  client.send(
    new UpdateRecordsCommand({
      ...identity,
      DatasetName: 'game',
      SyncSessionToken,
      RecordPatches,
      ...more,
    }),
  );

async function tokenOf(identity: Identity, datasetName = 'game'): Promise<string> {
  return (await list(client, identity, datasetName)).SyncSessionToken ?? '';
}

/** Returns the records that a device receives, by key: sync count and value. The value of a removed record is null. */
async function gameOf(identity: Identity): Promise<Record<string, [number | undefined, string | null]>> {
  const { Records = [] } = await list(client, identity, 'game');
  return Object.fromEntries(
    Records.map(({ Key, SyncCount, Value }) => [String(Key), [SyncCount, Value ?? null]]),
  );
}

const conflict = (message: string): Refusal => ({ name: 'ResourceConflictException', status: 409, message });

describe('UpdateRecords', () => {
  it('creates the dataset and returns the records as they are stored', async () => {
    const identity = newIdentity();
    const DeviceLastModifiedDate = new Date('2024-02-29T23:59:59.999Z');
    const { Records, $metadata } = await write(client, identity, 'game', [
      { ...set('score', '42'), DeviceLastModifiedDate },
      set('name', 'Ada'),
    ]);
    expect($metadata.httpStatusCode).toBe(200);
    expect(Records).toMatchObject([
      {
        Key: 'score',
        Value: '42',
        SyncCount: 1,
        LastModifiedBy: '000000000000',
        LastModifiedDate: expect.any(Date),
        DeviceLastModifiedDate,
      },
      { Key: 'name', Value: 'Ada', SyncCount: 1 },
    ]);
    expect((await list(client, identity, 'game')).Records).toEqual(expect.arrayContaining(Records ?? []));
  });

  it('increases the dataset’s sync count once per call, and gives it to every record that the call writes', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('a', '1'), set('b', '1'), set('c', '1')]);
    await write(client, identity, 'game', [set('a', '2', 1), set('b', '2', 1)]);
    await write(client, identity, 'game', [set('a', '2', 2)]);
    expect(await gameOf(identity)).toEqual({ a: [3, '2'], b: [2, '2'], c: [1, '1'] });
    expect((await list(client, identity, 'game')).DatasetSyncCount).toBe(3);
  });

  it('gives the records of each call a later LastModifiedDate than those of the previous call', async () => {
    const identity = newIdentity();
    const dates: number[] = [];
    for (let count = 0; count < 10; count += 1) {
      const { Records = [] } = await write(client, identity, 'game', [set('a', `${count}`, count)]);
      dates.push(Records[0]?.LastModifiedDate?.getTime() ?? 0);
    }
    expect(dates).toEqual([...new Set(dates)].toSorted((a, b) => a - b));
  });

  it.each([
    '',
    ' ',
    'null',
    '\u0001\u001f\u007f\u2028\ufeff',
    'Zoë 😀 \u{10ffff}',
    '{"a":[1,"\\u0000"]}',
    "'; DROP SCHEMA sync CASCADE; --",
  ])('stores the value %j unchanged', async (value) => {
    const identity = newIdentity();
    const { Records } = await write(client, identity, 'game', [set('a', value)]);
    expect(Records).toMatchObject([{ Value: value }]);
    expect(await gameOf(identity)).toEqual({ a: [1, value] });
  });

  it.each([
    'k',
    'k'.repeat(1_024),
    '😀'.repeat(1_024),
    '__proto__',
    'constructor',
    ' ',
    'a/b?c=%2F',
    '\ufeff',
  ])('stores a key unchanged (%#)', async (key) => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set(key, 'x')]);
    expect(await list(client, identity, 'game')).toMatchObject({ Records: [{ Key: key, Value: 'x' }] });
  });

  it('distinguishes keys that differ only in case or Unicode normalization', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('é', 'one'), set('e\u0301', 'two'), set('É', 'three')]);
    expect(await gameOf(identity)).toEqual({ é: [1, 'one'], 'e\u0301': [1, 'two'], É: [1, 'three'] });
  });

  it.each([
    '0001-01-01T00:00:00.000Z',
    '1969-12-31T23:59:59.999Z',
    '1970-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
  ])('stores the date of the device: %s', async (date) => {
    const identity = newIdentity();
    const DeviceLastModifiedDate = new Date(date);
    await write(client, identity, 'game', [{ ...set('a', 'x'), DeviceLastModifiedDate }]);
    const { Records } = await list(client, identity, 'game');
    expect(Records).toMatchObject([{ DeviceLastModifiedDate }]);
  });

  it('accepts a device id and a client context', async () => {
    const identity = newIdentity();
    const more = { DeviceId: 'd'.repeat(256), ClientContext: '{"client":{}}' };
    expect(await updateGame(identity, await tokenOf(identity), [set('a', 'x')], more)).toMatchObject({
      Records: [{ Key: 'a' }],
    });
  });

  it('without patches changes nothing, and the token can be used again', async () => {
    const identity = newIdentity();
    const token = await tokenOf(identity);
    expect((await updateGame(identity, token, [])).Records).toEqual([]);
    expect(await list(client, identity, 'game')).toMatchObject({ DatasetExists: false });
    expect((await updateGame(identity, token, [set('a', '1')])).Records).toMatchObject([{ SyncCount: 1 }]);
  });

  describe('removing a record', () => {
    it('leaves the record’s key with the new sync count and without a value', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1'), set('b', '1')]);
      const { Records = [] } = await write(client, identity, 'game', [remove('a', 1)]);
      expect(Records).toMatchObject([{ Key: 'a', SyncCount: 2 }]);
      expect(Records[0]?.Value ?? null).toBeNull();
      expect(await gameOf(identity)).toEqual({ a: [2, null], b: [1, '1'] });
    });

    it('ignores a value in the patch', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1')]);
      const { Records = [] } = await write(client, identity, 'game', [{ ...remove('a', 1), Value: 'x' }]);
      expect(Records[0]?.Value ?? null).toBeNull();
      expect(await gameOf(identity)).toEqual({ a: [2, null] });
    });

    it('succeeds if the record never existed, and returns its key', async () => {
      const identity = newIdentity();
      const { Records } = await write(client, identity, 'game', [remove('a', 0)]);
      expect(Records).toMatchObject([{ Key: 'a', SyncCount: 1 }]);
      expect(await gameOf(identity)).toEqual({});
      expect(await list(client, identity, 'game')).toMatchObject({
        DatasetSyncCount: 1,
        DatasetExists: true,
      });
    });

    it('is permanent: only a patch with the sync count of the removal creates the record again', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1')]);
      await write(client, identity, 'game', [remove('a', 1)]);
      expect(await refusalOf(write(client, identity, 'game', [set('a', '2', 1)]))).toEqual(
        conflict('Current SyncCount for: a is: 2 not: 1'),
      );
      expect(await refusalOf(write(client, identity, 'game', [set('a', '2', 0)]))).toEqual(
        conflict('Current SyncCount for: a is: 2 not: 0'),
      );
      await write(client, identity, 'game', [set('a', '2', 2)]);
      expect(await gameOf(identity)).toEqual({ a: [3, '2'] });
    });
  });

  describe('with a patch whose sync count', () => {
    it('is lower than that of the record fails with a conflict and keeps the session token valid', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('user', 'Ada'), set('b', '1')]);
      const token = await tokenOf(identity);
      const stale = updateGame(identity, token, [set('b', '2', 1), set('user', 'Eve'), set('c', '1')]);
      await expect(stale).rejects.toBeInstanceOf(ResourceConflictException);
      expect(await refusalOf(stale)).toEqual(conflict('Current SyncCount for: user is: 1 not: 0'));
      expect(await gameOf(identity)).toEqual({ user: [1, 'Ada'], b: [1, '1'] });
      expect((await list(client, identity, 'game', { SyncSessionToken: token })).DatasetSyncCount).toBe(1);
      await updateGame(identity, token, [set('b', '2', 1), set('user', 'Eve', 1), set('c', '1')]);
      expect(await gameOf(identity)).toEqual({ user: [2, 'Eve'], b: [2, '2'], c: [2, '1'] });
    });

    it('is lower than that of the record fails with a conflict even for an equal value or a removal', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1')]);
      const message = 'Current SyncCount for: a is: 1 not: 0';
      expect(await refusalOf(write(client, identity, 'game', [set('a', '1')]))).toEqual(conflict(message));
      expect(await refusalOf(write(client, identity, 'game', [remove('a', 0)]))).toEqual(conflict(message));
    });

    it('equals the dataset’s sync count writes existing and new records', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1')]);
      await write(client, identity, 'game', [set('b', '1')]);
      await write(client, identity, 'game', [set('a', '2', 2), set('c', '1', 2)]);
      expect(await gameOf(identity)).toEqual({ a: [3, '2'], b: [2, '1'], c: [3, '1'] });
    });

    it('is greater than the dataset’s sync count fails', async () => {
      const identity = newIdentity();
      const message = (count: number) => ({
        name: 'InvalidParameterException',
        status: 400,
        message: `No such SyncCount: ${count} exists for this Dataset`,
      });
      expect(await refusalOf(write(client, identity, 'game', [set('a', '1', 1)]))).toEqual(message(1));
      await write(client, identity, 'game', [set('a', '1')]);
      expect(await refusalOf(write(client, identity, 'game', [set('a', '2', 2)]))).toEqual(message(2));
      const { MAX_SAFE_INTEGER } = Number;
      expect(await refusalOf(write(client, identity, 'game', [set('a', '2', MAX_SAFE_INTEGER)]))).toEqual(
        message(MAX_SAFE_INTEGER),
      );
    });
  });

  describe('with a session token that', () => {
    it('was already used is rejected', async () => {
      const identity = newIdentity();
      const token = await tokenOf(identity);
      await updateGame(identity, token, [set('a', '1')]);
      expect(await refusalOf(updateGame(identity, token, [set('b', '1')]))).toEqual(notValidToken);
      expect(await refusalOf(updateGame(identity, token, []))).toEqual(notValidToken);
      expect(await gameOf(identity)).toEqual({ a: [1, '1'] });
    });

    it('was used before the dataset was deleted is rejected', async () => {
      const identity = newIdentity();
      const token = await tokenOf(identity);
      await updateGame(identity, token, [set('a', '1')]);
      await client.send(new DeleteDatasetCommand({ ...identity, DatasetName: 'game' }));
      expect(await refusalOf(updateGame(identity, token, [set('b', '1')]))).toEqual(notValidToken);
    });

    it('concurrent calls share succeeds only once', async () => {
      for (const before of [[], [set('a', '0')]]) {
        const identity = newIdentity();
        if (before.length > 0) await write(client, identity, 'game', before);
        const token = await tokenOf(identity);
        const outcomes = await Promise.allSettled(
          ['b', 'c', 'd'].map((key) => updateGame(identity, token, [set(key, '1')])),
        );
        const refused = outcomes.flatMap((outcome) =>
          outcome.status === 'rejected' ? [outcome.reason] : [],
        );
        expect(refused).toMatchObject(Array(2).fill({ message: notValidToken.message }));
        expect(Object.keys(await gameOf(identity))).toHaveLength(before.length + 1);
      }
    });

    it('is altered, is a page token, or belongs to another dataset, identity or pool is rejected', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '1'), set('b', '1')]);
      const { SyncSessionToken: token = '', NextToken } = await list(client, identity, 'game', {
        MaxResults: 1,
      });
      const tokens = [
        await tokenOf(identity, 'other'),
        await tokenOf(newIdentity()),
        await tokenOf({ ...identity, IdentityPoolId: 'us-east-1:1' }),
        NextToken,
        `${token}=`,
        token.slice(0, -1),
        token.toLowerCase(),
        '',
        'x'.repeat(10_000),
      ];
      for (const other of tokens) {
        expect(await refusalOf(updateGame(identity, other, [set('c', '1')]))).toEqual(notValidToken);
      }
      expect(Object.keys(await gameOf(identity))).toEqual(expect.arrayContaining(['a', 'b']));
    });
  });

  it('creates no dataset in an unknown pool, although ListRecords accepts that pool', async () => {
    const identity = { ...newIdentity(), IdentityPoolId: 'us-east-1:1' };
    expect(await refusalOf(write(client, identity, 'game', [set('a', '1')]))).toEqual({
      name: 'ResourceNotFoundException',
      status: 404,
      message: "IdentityPool 'us-east-1:1' not found",
    });
    expect(await list(client, identity, 'game')).toMatchObject({ DatasetExists: false, DatasetSyncCount: 0 });
  });

  describe('by several devices concurrently', () => {
    it('succeeds for one device and is a conflict for the others if all devices write the same record', async () => {
      const identity = newIdentity();
      await write(client, identity, 'game', [set('a', '0')]);
      const devices = Array.from({ length: 5 }, (_, device) =>
        write(client, identity, 'game', [set('a', `by ${device}`, 1), set(`of ${device}`, 'x')]),
      );
      const outcomes = await Promise.allSettled(devices);
      const winner = outcomes.findIndex((outcome) => outcome.status === 'fulfilled');
      const conflicts = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason] : [],
      );
      expect(conflicts).toMatchObject(
        Array(4).fill({
          name: 'ResourceConflictException',
          message: 'Current SyncCount for: a is: 2 not: 1',
        }),
      );
      expect(await gameOf(identity)).toEqual({ a: [2, `by ${winner}`], [`of ${winner}`]: [2, 'x'] });
    });

    it('succeeds for all devices, each with its own sync count, if they write different records', async () => {
      const identity = newIdentity();
      await Promise.all(
        Array.from({ length: 8 }, (_, device) => write(client, identity, 'game', [set(`${device}`, 'x')])),
      );
      const counts = Object.values(await gameOf(identity)).map(([count]) => count);
      expect(counts.toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    });
  });

  describe('rejects, without changes,', () => {
    const limitExceeded = (text: string) => ({
      name: 'LimitExceededException',
      status: 400,
      message: expect.stringContaining(text),
    });

    it('more than 1,024 records', async () => {
      const identity = newIdentity();
      const records = Array.from({ length: 1_024 }, (_, index) => set(`${index}`, 'x'));
      await write(client, identity, 'game', records);
      expect(await refusalOf(write(client, identity, 'game', [set('1024', 'x')]))).toEqual(
        limitExceeded('1025 records'),
      );
      await write(client, identity, 'game', [remove('0', 1), set('1024', 'x')]);
      const { Dataset } = await client.send(new DescribeDatasetCommand({ ...identity, DatasetName: 'game' }));
      expect(Dataset).toMatchObject({ NumRecords: 1_024 });
    });

    it('more than 20 datasets, even if they are created concurrently', async () => {
      const identity = newIdentity();
      for (let count = 1; count <= 19; count += 1)
        await write(client, identity, `d${count}`, [set('a', '1')]);
      const outcomes = await Promise.allSettled(
        ['x', 'y', 'z'].map((name) => write(client, identity, name, [set('a', '1')])),
      );
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(refused).toMatchObject(Array(2).fill({ name: 'LimitExceededException' }));
      expect((await write(client, identity, 'd1', [set('b', '1')])).Records).toHaveLength(1);
    });

    it('more than 1 MiB of keys and values, in UTF-8', async () => {
      const identity = newIdentity();
      const half = 'ü'.repeat(262_144 - 1);
      await write(client, identity, 'game', [set('a1', half)]);
      await write(client, identity, 'game', [set('a2', half)]);
      expect(await refusalOf(write(client, identity, 'game', [set('b', '')]))).toEqual(
        limitExceeded('1048577 bytes'),
      );
      await write(client, identity, 'game', [remove('a1', 1), set('b', '')]);
      expect(await gameOf(identity)).toMatchObject({ a1: [3, null], b: [3, ''] });
    });

    it('more than 2,500 patches', async () => {
      const patches = Array.from({ length: 2_501 }, (_, index) => remove(`${index}`, 0));
      expect(await refusalOf(write(client, newIdentity(), 'game', patches))).toEqual(limitExceeded('2501'));
    });

    // In AWS, Lambda itself rejects requests of this size.
    it.runIf(isLocalPort).each([6_400_000, 9_000_000])('a body of %i bytes', async (bytes) => {
      const refused = write(client, newIdentity(), 'game', [set('a', 'x'.repeat(bytes))]);
      expect(await refusalOf(refused)).toMatchObject({ name: 'RequestEntityTooLarge', status: 413 });
    });
  });

  const operation: RefusedOperation = {
    url: () => cloud.url,
    send: (client, dataset) =>
      client.send(
        new UpdateRecordsCommand({ ...dataset, SyncSessionToken: 'token', RecordPatches: [set('a', '1')] }),
      ),
  };
  describeRefusals(operation, ['IdentityPoolId', 'IdentityId', 'DatasetName']);

  describe('rejects, naming the member,', () => {
    const PATCH = { Op: 'replace', Key: 'private', SyncCount: 0, Value: 'secret' };
    const at = (member: string) => `'recordPatches.1.member.${member}'`;
    const patchWith = (members: object) => ({ RecordPatches: [{ ...PATCH, ...members }] });
    const BAD_BODIES: [field: string, members: object][] = [
      ["'syncSessionToken'", { SyncSessionToken: null }],
      ["'syncSessionToken'", { SyncSessionToken: 5 }],
      ["'syncSessionToken'", { SyncSessionToken: ['token'] }],
      ["'syncSessionToken'", { SyncSessionToken: 'token\0' }],
      ["'syncSessionToken'", { SyncSessionToken: 'token\ud800' }],
      ["'deviceId'", { DeviceId: '' }],
      ["'deviceId'", { DeviceId: 'd'.repeat(257) }],
      ["'deviceId'", { DeviceId: 5 }],
      ["'deviceId'", { DeviceId: 'd\0' }],
      ["'recordPatches'", { RecordPatches: {} }],
      ["'recordPatches'", { RecordPatches: 'all' }],
      ["'recordPatches'", { RecordPatches: 0 }],
      ["'recordPatches.1.member'", { RecordPatches: [null] }],
      ["'recordPatches.1.member'", { RecordPatches: ['a'] }],
      ["'recordPatches.1.member'", { RecordPatches: [[PATCH]] }],
      ["'recordPatches.2.member.key'", { RecordPatches: [PATCH, { ...PATCH, Key: '' }] }],
      ["'recordPatches.2.member.key'", { RecordPatches: [PATCH, PATCH] }],
      ["'recordPatches.2.member.key'", { RecordPatches: [PATCH, { ...PATCH, Op: 'remove' }] }],
      [at('op'), patchWith({ Op: undefined })],
      [at('op'), patchWith({ Op: 'upsert' })],
      [at('op'), patchWith({ Op: 'REPLACE' })],
      [at('op'), patchWith({ Op: 1 })],
      [at('key'), patchWith({ Key: undefined })],
      [at('key'), patchWith({ Key: null })],
      [at('key'), patchWith({ Key: 5 })],
      [at('key'), patchWith({ Key: '' })],
      [at('key'), patchWith({ Key: 'k'.repeat(1_025) })],
      [at('key'), patchWith({ Key: '😀'.repeat(1_025) })],
      [at('key'), patchWith({ Key: 'k\0' })],
      [at('key'), patchWith({ Key: '\udc00\ud800' })],
      [at('syncCount'), patchWith({ SyncCount: undefined })],
      [at('syncCount'), patchWith({ SyncCount: null })],
      [at('syncCount'), patchWith({ SyncCount: '0' })],
      [at('syncCount'), patchWith({ SyncCount: true })],
      [at('syncCount'), patchWith({ SyncCount: -1 })],
      [at('syncCount'), patchWith({ SyncCount: 0.5 })],
      [at('syncCount'), patchWith({ SyncCount: 2 ** 53 })],
      [at('syncCount'), patchWith({ SyncCount: 1e300 })],
      [at('value'), patchWith({ Value: undefined })],
      [at('value'), patchWith({ Value: null })],
      [at('value'), patchWith({ Value: 5 })],
      [at('value'), patchWith({ Value: { secret: 1 } })],
      [at('value'), patchWith({ Value: 'secret\0' })],
      [at('value'), patchWith({ Value: 'secret\ud800' })],
      [at('value'), patchWith({ Value: 'secret'.padEnd(1_048_576) })],
      [at('deviceLastModifiedDate'), patchWith({ DeviceLastModifiedDate: 'yesterday' })],
      [at('deviceLastModifiedDate'), patchWith({ DeviceLastModifiedDate: '' })],
      [at('deviceLastModifiedDate'), patchWith({ DeviceLastModifiedDate: 253_402_300_800 })],
      [at('deviceLastModifiedDate'), patchWith({ DeviceLastModifiedDate: -62_135_596_801 })],
      [at('deviceLastModifiedDate'), patchWith({ DeviceLastModifiedDate: 1e300 })],
      [at('deviceLastModifiedDate'), patchWith({ DeviceLastModifiedDate: {} })],
    ];

    it.each(BAD_BODIES.map(([field, members], index) => ({ field, members, index })))(
      '$field ($index)',
      async ({ field, members }) => {
        const identity = newIdentity();
        const token = await tokenOf(identity);
        const body = JSON.stringify({ SyncSessionToken: token, ...members });
        const refused = await sendBody(identity, body);
        expect(refused).toEqual(invalidParameter(field));
        expect(refused.message).not.toContain('secret');
        expect(await list(client, identity, 'game', { SyncSessionToken: token })).toMatchObject({
          DatasetExists: false,
        });
      },
    );

    it('syncCount of 1e400', async () => {
      const patch = '{"Op":"replace","Key":"a","Value":"1","SyncCount":1e400}';
      const refused = await sendBody(newIdentity(), `{"SyncSessionToken":"t","RecordPatches":[${patch}]}`);
      expect(refused).toEqual(invalidParameter(at('syncCount')));
    });
  });

  it.each(['', 'null', '[]', '"text"', '5', '{', '{"RecordPatches":[', '\ufeff{}x', '['.repeat(200_000)])(
    'rejects a body that is not a JSON object (%#)',
    async (body) => {
      const refused = await sendBody(newIdentity(), body);
      expect(['SerializationException', 'InvalidParameterException']).toContain(refused.name);
      expect(refused.status).toBe(400);
    },
  );

  it('reads the ids from the path, not from the body', async () => {
    const identity = newIdentity();
    const other = newIdentity();
    const token = await tokenOf(identity);
    const body = { ...other, DatasetName: 'other', SyncSessionToken: token, RecordPatches: [set('a', '1')] };
    await expect(sendBody(identity, JSON.stringify(body))).rejects.toThrow('was not refused');
    expect(await gameOf(identity)).toEqual({ a: [1, '1'] });
    expect(await list(client, other, 'other')).toMatchObject({ DatasetExists: false });
  });

  /** Sends an update of the dataset `game` with this body. Returns the error of the API. */
  async function sendBody(identity: Identity, body: string): Promise<Refusal> {
    const rude = createRudeClient(cloud.url, (request) => {
      request.body = body;
    });
    try {
      return await refusalOf(
        rude.send(new UpdateRecordsCommand({ ...identity, DatasetName: 'game', SyncSessionToken: 'token' })),
      );
    } finally {
      rude.destroy();
    }
  }
});
