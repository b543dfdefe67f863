import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import type { IdentityPool, PoolStore } from '../../../lib/sync/ports/pool-store.ts';
import { LIST_POOL_USAGES, READ_POOL_USAGE } from '../../../lib/sync/store/pool-statements.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, drop, put } from '../../fixtures/sync/sync-service.ts';

const BARE = { identityPoolId: POOL, syncTrigger: null, streams: null, pushSync: null };
const FULL: Omit<IdentityPool, 'revision'> = {
  identityPoolId: POOL,
  syncTrigger: 'arn:aws:lambda:us-east-1:000000000000:function:sync-trigger',
  streams: {
    status: 'DISABLED',
    streamName: 'cognito-sync',
    roleArn: 'arn:aws:iam::000000000000:role/é',
    disabledReason: "the stream 'x' is gone; \u{1F511}",
  },
  pushSync: {
    applicationArns: ['arn:aws:sns:us-east-1:0:app/APNS/a', 'arn:aws:sns:us-east-1:0:app/GCM/b'],
    roleArn: 'arn:aws:iam::000000000000:role/push',
  },
};

describe.each(SERVICE_DATABASES)('the pool store on $name', ({ open }) => {
  let database: Database;
  let store: PoolStore;

  beforeAll(async () => {
    database = await open();
    store = createPoolStore(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'sync.identity_pools',
      'sync.identities',
      'sync.datasets',
      'sync.records',
      'sync.pool_usage',
      'sync.outbox',
    ]);
  });

  describe('a pool', () => {
    it('does not exist before it is created', async () => {
      expect(await store.readPool(POOL)).toBeNull();
      expect(await store.changePool({ ...FULL, revision: 1 })).toBe(false);
      expect(await store.readPool(POOL)).toBeNull();
    });

    it.each([
      ['no settings', BARE],
      ['all settings', FULL],
      ['empty settings', { ...BARE, pushSync: { applicationArns: [], roleArn: null } }],
      [
        'streams without a name',
        {
          ...BARE,
          streams: { status: 'DISABLED' as const, streamName: null, roleArn: null, disabledReason: null },
        },
      ],
    ])('is stored with %s', async (_, pool) => {
      expect(await store.createPool(pool, NEW_YEAR)).toBe('made');
      expect(await store.readPool(POOL)).toEqual({ ...pool, revision: 1 });
      expect(await store.readPool(`${POOL}0`)).toBeNull();
    });

    it('is created once and keeps its settings', async () => {
      await store.createPool(FULL, NEW_YEAR);
      expect(await store.createPool(BARE, NEW_YEAR + 1)).toBe('there');
      expect(await store.readPool(POOL)).toEqual({ ...FULL, revision: 1 });
    });

    it('is created by only one of several concurrent calls', async () => {
      const outcomes = await Promise.all(Array.from({ length: 8 }, () => store.createPool(BARE, NEW_YEAR)));
      expect(outcomes.toSorted()).toEqual(['made', ...Array.from({ length: 7 }, () => 'there')]);
    });

    it('has all its settings replaced by each change', async () => {
      await store.createPool(BARE, NEW_YEAR);
      expect(await store.changePool({ ...FULL, revision: 1 })).toBe(true);
      expect(await store.readPool(POOL)).toEqual({ ...FULL, revision: 2 });
      expect(await store.changePool({ ...BARE, revision: 2 })).toBe(true);
      expect(await store.readPool(POOL)).toEqual({ ...BARE, revision: 3 });
    });

    it('is not changed by a call with a revision other than the current one', async () => {
      await store.createPool(BARE, NEW_YEAR);
      await store.changePool({ ...FULL, revision: 1 });
      for (const revision of [0, 1, 3]) {
        expect(await store.changePool({ ...BARE, revision })).toBe(false);
      }
      expect(await store.readPool(POOL)).toEqual({ ...FULL, revision: 2 });
    });

    it('is changed by only one of several concurrent calls with the same revision', async () => {
      await store.createPool(BARE, NEW_YEAR);
      await store.createPool({ ...BARE, identityPoolId: `${POOL}0` }, NEW_YEAR);
      const changes = Array.from({ length: 8 }, (_, index) =>
        store.changePool({ ...BARE, syncTrigger: String(index), revision: 1 }),
      );
      const outcomes = await Promise.all(changes);
      expect(outcomes.filter(Boolean)).toHaveLength(1);
      const winner = String(outcomes.indexOf(true));
      expect(await store.readPool(POOL)).toMatchObject({ syncTrigger: winner, revision: 2 });
      expect(await store.readPool(`${POOL}0`)).toEqual({ ...BARE, identityPoolId: `${POOL}0`, revision: 1 });
    });
  });

  describe('usage', () => {
    const OTHER = 'us-east-1:0';
    const usageOf = (identityId: string, identityPoolId = POOL) =>
      store.readIdentityUsage({ identityPoolId, identityId });

    /** Creates two datasets of one identity and one dataset of another identity, all in one pool. */
    async function fill() {
      await createPool(database);
      const { operations, clock } = createSyncService(database);
      const device = (identityId: string, datasetName: string) =>
        createDevice(operations, { identityId, datasetName });
      await device(IDENTITY, 'a').update(put('é', '12'));
      clock.now += 10;
      await device(IDENTITY, 'b').update(put('k', 'v'), put('gone', 'x'));
      await device(IDENTITY, 'b').update(drop('gone', 1));
      clock.now += 10;
      await device(`${IDENTITY}0`, 'a').update(put('k', ''));
      return { device, clock };
    }

    it('is null for an unknown pool and zero without datasets', async () => {
      const unused = { dataStorage: 0, lastModifiedDate: null };
      expect(await store.readPoolUsage(POOL)).toBeNull();
      expect(await store.listPoolUsages({ after: '', limit: null })).toEqual([]);
      expect(await usageOf(IDENTITY)).toEqual({ ...unused, datasetCount: 0 });
      await createPool(database);
      expect(await store.readPoolUsage(POOL)).toEqual({ identityPoolId: POOL, ...unused });
      expect(await store.listPoolUsages({ after: '', limit: null })).toEqual([
        { identityPoolId: POOL, ...unused },
      ]);
    });

    it('sums the datasets of an identity and of a pool', async () => {
      await fill();
      expect(await usageOf(IDENTITY)).toEqual({
        datasetCount: 2,
        dataStorage: 6,
        lastModifiedDate: NEW_YEAR + 11,
      });
      expect(await usageOf(`${IDENTITY}0`)).toEqual({
        datasetCount: 1,
        dataStorage: 1,
        lastModifiedDate: NEW_YEAR + 20,
      });
      expect(await usageOf(IDENTITY, OTHER)).toMatchObject({ datasetCount: 0 });
      await createPool(database, OTHER);
      const used = { identityPoolId: POOL, dataStorage: 7, lastModifiedDate: NEW_YEAR + 20 };
      expect(await store.readPoolUsage(POOL)).toEqual(used);
      expect(await store.listPoolUsages({ after: '', limit: null })).toEqual([
        { identityPoolId: OTHER, dataStorage: 0, lastModifiedDate: null },
        used,
      ]);
    });

    it('excludes the size of a deleted dataset, but includes the date of the deletion', async () => {
      const { device, clock } = await fill();
      clock.now += 100;
      await device(IDENTITY, 'b').remove();
      expect(await usageOf(IDENTITY)).toEqual({
        datasetCount: 1,
        dataStorage: 4,
        lastModifiedDate: NEW_YEAR + 120,
      });
      expect(await store.readPoolUsage(POOL)).toMatchObject({
        dataStorage: 5,
        lastModifiedDate: NEW_YEAR + 120,
      });
    });

    it('is read from stored sums, so a read does not take longer if there are more datasets', async () => {
      await fill();
      for (const [statement, values] of [
        [READ_POOL_USAGE, `'${POOL}'`],
        [LIST_POOL_USAGES, "'', 10"],
      ]) {
        const plan = await database.transaction(async (transaction) => {
          await transaction.query(`PREPARE usage AS ${statement}`);
          const { rows } = await transaction.query(`EXPLAIN (FORMAT JSON) EXECUTE usage (${values})`);
          await transaction.query('DEALLOCATE usage');
          return JSON.stringify(rows);
        });
        expect(plan).toContain('"Relation Name":"pool_usage"');
        expect(plan).not.toContain('"Relation Name":"datasets"');
      }
    });

    it('can exceed the range of a 32-bit integer', async () => {
      await fill();
      await database.query('UPDATE sync.datasets SET data_storage = 3000000000');
      await database.query('UPDATE sync.pool_usage SET data_storage = 3000000000');
      expect(await usageOf(IDENTITY)).toMatchObject({ dataStorage: 6_000_000_000 });
      expect(await store.readPoolUsage(POOL)).toMatchObject({ dataStorage: 9_000_000_000 });
    });

    it('is listed in pages ordered by pool id, regardless of the locale', async () => {
      const ids = ['a-1:0', 'b:0', 'A:0', 'a:0', '_:0', 'a:1'];
      for (const id of ids) await createPool(database, id);
      const list = async (after: string, limit: number | null) =>
        (await store.listPoolUsages({ after, limit })).map(({ identityPoolId }) => identityPoolId);
      const sorted = ['A:0', '_:0', 'a-1:0', 'a:0', 'a:1', 'b:0'];
      expect(await list('', null)).toEqual(sorted);
      expect(await list('', 2)).toEqual(sorted.slice(0, 2));
      expect(await list('_:0', 2)).toEqual(sorted.slice(2, 4));
      expect(await list('a', null)).toEqual(sorted.slice(2));
      expect(await list('b:0', 2)).toEqual([]);
      expect(await store.listPoolIds()).toEqual(sorted);
    });
  });
});
