import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Caller } from '../../../lib/common/caller.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { createSetCognitoEvents } from '../../../lib/sync/operations/set-cognito-events.ts';
import { createSetIdentityPoolConfiguration } from '../../../lib/sync/operations/set-identity-pool-configuration.ts';
import type { PoolStore } from '../../../lib/sync/ports/pool-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { newPool } from '../../fixtures/identity/identity-pools.ts';
import { IDENTITY } from '../../fixtures/sync/stream-events.ts';
import { createSyncService, DEVELOPER, put } from '../../fixtures/sync/sync-service.ts';

const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger';
const error = (code: string, message: string) => expect.objectContaining({ code, message });
const NOT_AUTHORIZED = error(
  'NotAuthorizedException',
  'These credentials are not valid for accessing this resource',
);

describe('sync operations on identity pools', () => {
  let database: Database;
  let operations: SyncOperations;
  let pools: PoolStore;
  let IdentityPoolId: string;

  beforeAll(async () => {
    database = await openDatabase();
    ({ operations } = createSyncService(database));
    pools = createPoolStore(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    IdentityPoolId = await newPool(database);
  });

  describe('reject the credentials of an identity', () => {
    const calls: [string, (pool: { IdentityPoolId: string }, caller: Caller) => Promise<unknown>][] = [
      ['DescribeIdentityPoolUsage', (pool, caller) => operations.DescribeIdentityPoolUsage(pool, caller)],
      ['ListIdentityPoolUsage', (_, caller) => operations.ListIdentityPoolUsage({}, caller)],
      ['GetCognitoEvents', (pool, caller) => operations.GetCognitoEvents(pool, caller)],
      [
        'SetCognitoEvents',
        (pool, caller) => operations.SetCognitoEvents({ ...pool, Events: { SyncTrigger: '' } }, caller),
      ],
      [
        'GetIdentityPoolConfiguration',
        (pool, caller) => operations.GetIdentityPoolConfiguration(pool, caller),
      ],
      [
        'SetIdentityPoolConfiguration',
        (pool, caller) =>
          operations.SetIdentityPoolConfiguration({ ...pool, CognitoStreams: { StreamName: 's' } }, caller),
      ],
    ];
    it.each(calls)('%s', async (_, call) => {
      const caller: Caller = { kind: 'identity', identityPoolId: IdentityPoolId, identityId: IDENTITY };
      const unknown = { IdentityPoolId: 'us-east-1:0' };
      await expect(call({ IdentityPoolId }, caller)).rejects.toEqual(NOT_AUTHORIZED);
      // The error does not reveal which pools exist.
      await expect(call(unknown, caller)).rejects.toEqual(NOT_AUTHORIZED);
      expect(await pools.readPool(IdentityPoolId)).toMatchObject({ revision: 1, streams: null });
    });
  });

  it('DescribeIdentityUsage rejects a caller that is another identity', async () => {
    const describeAs = (identityPoolId: string, identityId: string) =>
      operations.DescribeIdentityUsage(
        { IdentityPoolId, IdentityId: IDENTITY },
        { kind: 'identity', identityPoolId, identityId },
      );
    expect(await describeAs(IdentityPoolId, IDENTITY)).toEqual({
      IdentityUsage: {
        IdentityPoolId,
        IdentityId: IDENTITY,
        LastModifiedDate: null,
        DatasetCount: 0,
        DataStorage: 0,
      },
    });
    await expect(describeAs(IdentityPoolId, `${IDENTITY}0`)).rejects.toEqual(NOT_AUTHORIZED);
    await expect(describeAs('us-east-1:0', IDENTITY)).rejects.toEqual(NOT_AUTHORIZED);
  });

  it('return null for values that are not counted or not set', async () => {
    expect(await operations.DescribeIdentityPoolUsage({ IdentityPoolId }, DEVELOPER)).toEqual({
      IdentityPoolUsage: { IdentityPoolId, SyncSessionsCount: null, DataStorage: 0, LastModifiedDate: null },
    });
    expect(await operations.ListIdentityPoolUsage({}, DEVELOPER)).toMatchObject({
      MaxResults: null,
      NextToken: null,
    });
    expect(await operations.GetIdentityPoolConfiguration({ IdentityPoolId }, DEVELOPER)).toEqual({
      IdentityPoolId,
      PushSync: null,
      CognitoStreams: null,
    });
  });

  describe('while another request changes the pool', () => {
    /** Returns a store in which another request changes the pool after each of the first `times` reads. */
    const withConflicts = (times: number): PoolStore => {
      let left = times;
      return {
        ...pools,
        async readPool(identityPoolId) {
          const pool = await pools.readPool(identityPoolId);
          if (pool && left > 0) {
            left -= 1;
            await pools.changePool({ ...pool, pushSync: { applicationArns: [], roleArn: `role ${left}` } });
          }
          return pool;
        },
      };
    };

    it('SetIdentityPoolConfiguration fails and changes nothing', async () => {
      const set = createSetIdentityPoolConfiguration({
        pools: withConflicts(1),
        streamExists: async () => true,
      });
      const input = { IdentityPoolId, CognitoStreams: { StreamName: 'mine' } };
      await expect(set(input, DEVELOPER)).rejects.toEqual(
        error(
          'ConcurrentModificationException',
          `IdentityPool '${IdentityPoolId}' was changed by another request`,
        ),
      );
      expect(await pools.readPool(IdentityPoolId)).toMatchObject({
        streams: null,
        pushSync: { roleArn: 'role 0' },
      });
      expect(await set(input, DEVELOPER)).toMatchObject({
        CognitoStreams: { StreamName: 'mine' },
        PushSync: { RoleArn: 'role 0' },
      });
    });

    it('SetIdentityPoolConfiguration detects a change made while it checks the stream', async () => {
      const set = createSetIdentityPoolConfiguration({
        pools,
        async streamExists() {
          await operations.SetCognitoEvents({ IdentityPoolId, Events: { SyncTrigger: FUNCTION } }, DEVELOPER);
          return true;
        },
      });
      const CognitoStreams = { StreamName: 'mine', StreamingStatus: 'ENABLED' as const };
      await expect(set({ IdentityPoolId, CognitoStreams }, DEVELOPER)).rejects.toMatchObject({
        code: 'ConcurrentModificationException',
      });
      expect(await pools.readPool(IdentityPoolId)).toMatchObject({ streams: null, syncTrigger: FUNCTION });
    });

    it('SetCognitoEvents has no conflict error, so it retries and keeps both changes', async () => {
      const set = createSetCognitoEvents({ pools: withConflicts(3) });
      await set({ IdentityPoolId, Events: { SyncTrigger: FUNCTION } }, DEVELOPER);
      expect(await pools.readPool(IdentityPoolId)).toMatchObject({
        syncTrigger: FUNCTION,
        pushSync: { roleArn: 'role 0' },
        revision: 5,
      });
    });

    it('SetCognitoEvents fails if other requests keep changing the pool', async () => {
      const set = createSetCognitoEvents({ pools: withConflicts(1_000) });
      await expect(
        set({ IdentityPoolId, Events: { SyncTrigger: FUNCTION } }, DEVELOPER),
      ).rejects.toMatchObject({ code: 'TooManyRequestsException' });
    });
  });

  it('SetIdentityPoolConfiguration fails with the error of Kinesis if the check of the stream fails', async () => {
    const failure = new Error('Kinesis does not answer');
    const set = createSetIdentityPoolConfiguration({ pools, streamExists: () => Promise.reject(failure) });
    const CognitoStreams = { StreamName: 'mine', StreamingStatus: 'ENABLED' as const };
    await expect(set({ IdentityPoolId, CognitoStreams }, DEVELOPER)).rejects.toBe(failure);
    // The operation calls Kinesis only if the status is ENABLED.
    await set({ IdentityPoolId, CognitoStreams: { StreamName: 'mine' } }, DEVELOPER);
    expect(await pools.readPool(IdentityPoolId)).toMatchObject({ streams: { status: 'DISABLED' } });
  });

  describe('if the pool does not exist', () => {
    const dataset = { IdentityPoolId: 'us-east-1:0', IdentityId: IDENTITY, DatasetName: 'game' };

    it('list nothing and reject writes', async () => {
      const listed = await operations.ListRecords(dataset, DEVELOPER);
      expect(listed).toMatchObject({ DatasetExists: false, Records: [] });
      expect(await operations.ListDatasets(dataset, DEVELOPER)).toMatchObject({ Datasets: [] });
      const write = () =>
        operations.UpdateRecords(
          { ...dataset, SyncSessionToken: listed.SyncSessionToken, RecordPatches: [put('k', 'v')] },
          DEVELOPER,
        );
      await expect(write()).rejects.toEqual(
        error('ResourceNotFoundException', "IdentityPool 'us-east-1:0' not found"),
      );
      expect((await database.query('SELECT 1 FROM sync.outbox')).rows).toEqual([]);
      await pools.createPool(
        { identityPoolId: dataset.IdentityPoolId, syncTrigger: null, streams: null, pushSync: null },
        0,
      );
      expect(await write()).toMatchObject({ Records: [{ Key: 'k', SyncCount: 1 }] });
    });

    it('report every dataset as not found', async () => {
      const notFound = error('ResourceNotFoundException', "Dataset 'other' not found");
      const other = { ...dataset, IdentityPoolId: 'us-east-1:1', DatasetName: 'other' };
      await expect(operations.DescribeDataset(other, DEVELOPER)).rejects.toEqual(notFound);
      await expect(operations.DeleteDataset(other, DEVELOPER)).rejects.toEqual(notFound);
    });
  });
});
