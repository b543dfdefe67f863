import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import type { MergeDatasetsDeps } from '../../../lib/sync/jobs/merge-datasets.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { createMergeStore } from '../../../lib/sync/store/merge-store.ts';
import { createPayloadStore } from '../../../lib/sync/store/payload-store.ts';
import { createPostgresDatabase, SERVERS } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createMerger, mergeOf, newIdentity } from '../../fixtures/sync/merges.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, drop, put } from '../../fixtures/sync/sync-service.ts';

const TABLES = [
  'identity_pools',
  'identities',
  'datasets',
  'records',
  'merged_datasets',
  'outbox',
  'payloads',
];

describe.each(SERVERS)('merging identities on $name', ({ open }) => {
  let database: Database;
  let operations: SyncOperations;
  let clock: { now: number };
  let guest: string;
  let person: string;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(
      database,
      TABLES.map((table) => `sync.${table}`),
    );
    await createPool(database);
    ({ operations, clock } = createSyncService(database));
    [guest, person] = [newIdentity(), newIdentity()];
  });

  const device = (identityId: string, datasetName = 'game') =>
    createDevice(operations, { identityId, datasetName });
  const merge = (from: string, into: string, more: Partial<MergeDatasetsDeps> = {}) =>
    createMerger(database, clock, more)(mergeOf(from, into));
  const namesOf = async (identityId: string) =>
    (await device(identityId).listDatasets()).Datasets.map(({ DatasetName }) => DatasetName);
  const valuesOf = async (identityId: string, datasetName: string) =>
    Object.fromEntries(
      (await device(identityId, datasetName).list()).Records.map(({ Key, Value }) => [Key, Value]),
    );
  const mergedNames = async (identityId: string, datasetName = 'game') =>
    (await device(identityId, datasetName).list()).MergedDatasetNames;
  const events = async () =>
    (
      await database.query<{ partition_key: string; event: string }>(
        'SELECT partition_key, event FROM sync.outbox',
      )
    ).rows.map(({ partition_key, event }) => ({ partitionKey: partition_key, ...JSON.parse(event) }));
  const countRows = async (table: string) =>
    (await database.query<{ n: number }>(`SELECT count(*) AS n FROM sync.${table}`)).rows[0]?.n;

  it('copies each dataset with new sync counts and deletes the original', async () => {
    await device(guest).update(
      { ...put('score', '1'), DeviceLastModifiedDate: NEW_YEAR - 5 },
      put('old', 'x'),
    );
    await device(guest).update(put('name', 'Ann'), drop('old', 1));
    await device(guest, 'settings').update(put('sound', 'off'));
    clock.now += 1_000;
    await merge(guest, person);

    expect(await namesOf(guest)).toEqual([]);
    expect(await namesOf(person)).toEqual([`game.${guest}`, `settings.${guest}`]);
    const copied = {
      SyncCount: 1,
      LastModifiedDate: clock.now,
      LastModifiedBy: person,
      DeviceLastModifiedDate: null,
    };
    const copy = device(person, `game.${guest}`);
    expect(await copy.list()).toMatchObject({
      Count: 2,
      DatasetSyncCount: 1,
      LastModifiedBy: person,
      DatasetExists: true,
      MergedDatasetNames: null,
    });
    expect((await copy.list()).Records.toSorted((a, b) => (a.Key < b.Key ? -1 : 1))).toEqual([
      { Key: 'name', Value: 'Ann', ...copied },
      { Key: 'score', Value: '1', ...copied, DeviceLastModifiedDate: NEW_YEAR - 5 },
    ]);
    expect(await copy.describe()).toEqual({
      Dataset: {
        IdentityId: person,
        DatasetName: `game.${guest}`,
        CreationDate: clock.now,
        LastModifiedDate: clock.now,
        LastModifiedBy: person,
        DataStorage: Buffer.byteLength('nameAnnscore1'),
        NumRecords: 2,
      },
    });
    expect(await device(guest).list({ LastSyncCount: 2 })).toMatchObject({
      DatasetExists: false,
      DatasetSyncCount: 3,
      DatasetDeletedAfterRequestedSyncCount: true,
      Records: [],
    });
    // These are the records of the two copies. The records of the deleted datasets are erased.
    expect(await countRows('records')).toBe(3);
  });

  it('does not change existing datasets of the surviving identity, or datasets of unrelated identities', async () => {
    const [other, ofOther] = [newIdentity(), 'game'];
    await device(guest).update(put('a', '1'));
    await device(person).update(put('a', '2'));
    await device(other).update(put('a', '3'));
    await merge(guest, person);
    expect(await namesOf(person)).toEqual(['game', `game.${guest}`]);
    expect(await valuesOf(person, 'game')).toEqual({ a: '2' });
    expect(await valuesOf(other, ofOther)).toEqual({ a: '3' });
  });

  it('does nothing if it is repeated or the identity has no datasets', async () => {
    await device(guest).update(put('a', '1'));
    await merge(guest, person);
    const after = await device(person, `game.${guest}`).describe();
    clock.now += 1_000;
    await merge(guest, person);
    await merge(newIdentity(), person);
    expect(await device(person, `game.${guest}`).describe()).toEqual(after);
    expect(await events()).toHaveLength(3);
    expect(await countRows('datasets')).toBe(2);
  });

  it('copies nothing of a dataset without live records', async () => {
    await device(guest).update(put('a', '1'));
    await device(guest).update(drop('a', 1));
    await merge(guest, person);
    expect(await namesOf(guest)).toEqual([]);
    expect(await namesOf(person)).toEqual([]);
    expect(await mergedNames(person)).toBeNull();
    expect((await events()).filter(({ identityId }) => identityId === person)).toEqual([]);
  });

  it('copies all data even if the surviving identity then exceeds the limits', async () => {
    ({ operations, clock } = createSyncService(database, { datasetsPerIdentity: 1, recordsPerDataset: 2 }));
    await device(guest).update(put('a', '1'), put('b', '2'));
    await device(person).update(put('a', '1'));
    await device(newIdentity()).update(put('a', '1'));
    await merge(guest, person);
    expect(await namesOf(person)).toEqual(['game', `game.${guest}`]);
    await device(guest).update(put('c', '3'), put('d', '4'));
    await merge(guest, person);
    expect(Object.keys(await valuesOf(person, `game.${guest}`)).sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('does nothing in a pool that no longer exists', async () => {
    await device(guest).update(put('a', '1'));
    await database.query('DELETE FROM sync.identity_pools');
    await merge(guest, person);
    expect(await namesOf(guest)).toEqual(['game']);
    expect(await namesOf(person)).toEqual([]);
  });

  describe('if a dataset with the name of the copy exists', () => {
    it('overwrites the records of that dataset with the copied records', async () => {
      const existing = device(person, `game.${guest}`);
      await existing.update(put('a', 'mine'), put('b', 'mine'), put('gone', 'mine'));
      await existing.update(drop('gone', 1));
      const { Dataset } = await existing.describe();
      await device(guest).update(put('a', 'theirs'), put('gone', 'theirs'));
      clock.now += 1_000;
      await merge(guest, person);
      expect(await valuesOf(person, `game.${guest}`)).toEqual({ a: 'theirs', b: 'mine', gone: 'theirs' });
      const listed = await existing.list();
      expect(listed.DatasetSyncCount).toBe(3);
      expect(Object.fromEntries(listed.Records.map(({ Key, SyncCount }) => [Key, SyncCount]))).toEqual({
        a: 3,
        b: 1,
        gone: 3,
      });
      expect((await existing.describe()).Dataset).toMatchObject({
        CreationDate: Dataset.CreationDate,
        LastModifiedDate: clock.now,
        DataStorage: Buffer.byteLength('atheirsbminegonetheirs'),
        NumRecords: 3,
      });
      expect(await mergedNames(person)).toEqual([`game.${guest}`]);
    });

    it('adds later writes of the merged identity to that dataset', async () => {
      await device(guest).update(put('a', '1'), put('b', '1'));
      await merge(guest, person);
      await device(guest).update(put('a', '2'));
      await merge(guest, person);
      expect(await valuesOf(person, `game.${guest}`)).toEqual({ a: '2', b: '1' });
      expect((await device(person, `game.${guest}`).list()).DatasetSyncCount).toBe(2);
      expect(await namesOf(guest)).toEqual([]);
    });

    it('continues the sync count of that dataset if the dataset was deleted, but does not restore its old records', async () => {
      await device(guest).update(put('a', '1'));
      await merge(guest, person);
      await device(person, `game.${guest}`).remove();
      await device(guest).update(put('b', '2'));
      await merge(guest, person);
      expect(await valuesOf(person, `game.${guest}`)).toEqual({ b: '2' });
      const listed = await device(person, `game.${guest}`).list({ LastSyncCount: 1 });
      expect(listed).toMatchObject({ DatasetSyncCount: 3, DatasetDeletedAfterRequestedSyncCount: true });
      expect((await device(person, `game.${guest}`).describe()).Dataset).toMatchObject({
        DataStorage: 2,
        NumRecords: 1,
      });
      expect(await mergedNames(person)).toEqual([`game.${guest}`]);
    });
  });

  describe('names of copies', () => {
    it('do not grow if the surviving identity is merged as well', async () => {
      const family = newIdentity();
      await device(guest).update(put('a', '1'));
      await device(person).update(put('a', '2'));
      await merge(guest, person);
      await merge(person, family);
      expect(await namesOf(person)).toEqual([]);
      expect(await namesOf(family)).toEqual([`game.${guest}`, `game.${person}`].sort());
      expect(await valuesOf(family, `game.${guest}`)).toEqual({ a: '1' });
      expect(await mergedNames(family)).toEqual([`game.${guest}`, `game.${person}`].sort());
      expect(await mergedNames(person)).toBeNull();
    });

    it('keep the dots of the original name when they are merged again', async () => {
      const family = newIdentity();
      await device(guest, 'a.b:c').update(put('a', '1'));
      await merge(guest, person);
      await merge(person, family);
      expect(await namesOf(family)).toEqual([`a.b:c.${guest}`]);
      expect(await mergedNames(family, 'a.b:c')).toEqual([`a.b:c.${guest}`]);
    });

    it('get an id appended even if a device chose a name like that of a copy', async () => {
      await device(guest, 'game.eu:0').update(put('a', '1'));
      await merge(guest, person);
      expect(await namesOf(person)).toEqual([`game.eu:0.${guest}`]);
      expect(await mergedNames(person, 'game.eu:0')).toEqual([`game.eu:0.${guest}`]);
      expect(await mergedNames(person)).toBeNull();
    });

    it('are the original names if appending the id would exceed the length that requests allow', async () => {
      const long = 'x'.repeat(128);
      await device(guest, `${long}.eu:0`).update(put('a', '1'));
      await device(guest, long).update(put('a', '2'));
      await merge(guest, person);
      expect(await namesOf(person)).toEqual([`${long}.eu:0`, `${long}.${guest}`]);
      expect(await mergedNames(person, long)).toEqual([`${long}.eu:0`, `${long}.${guest}`]);
    });
  });

  describe('ListRecords', () => {
    it('returns the sorted names of the copies on every page, even of a dataset that never existed', async () => {
      const guests = [newIdentity(), newIdentity(), newIdentity()];
      for (const one of guests) {
        await device(one).update(put('a', '1'));
        await merge(one, person);
      }
      const names = guests.map((one) => `game.${one}`).sort();
      expect(await device(person).list()).toMatchObject({
        MergedDatasetNames: names,
        DatasetExists: false,
        DatasetSyncCount: 0,
        Records: [],
      });
      const { SyncSessionToken } = await device(person).list();
      expect((await device(person).list({ SyncSessionToken })).MergedDatasetNames).toEqual(names);

      await device(person).update(put('a', '1'), put('b', '2'));
      const first = await device(person).list({ MaxResults: 1 });
      const second = await device(person).list({ MaxResults: 1, NextToken: first.NextToken ?? '' });
      expect([first, second].map(({ Count, MergedDatasetNames }) => [Count, MergedDatasetNames])).toEqual([
        [1, names],
        [1, names],
      ]);
      await device(person).remove();
      expect(await mergedNames(person)).toEqual(names);
      expect(await mergedNames(person, 'other')).toBeNull();
      expect(await mergedNames(newIdentity())).toBeNull();
    });

    it('does not return a deleted copy, even if a dataset with its name is created later', async () => {
      await device(guest).update(put('a', '1'));
      await merge(guest, person);
      await device(person, `game.${guest}`).remove();
      expect(await mergedNames(person)).toBeNull();
      await device(person, `game.${guest}`).update(put('a', '1'));
      expect(await mergedNames(person)).toBeNull();
    });

    it('still returns a copy after a device updated it', async () => {
      await device(guest).update(put('a', '1'));
      await merge(guest, person);
      const copy = device(person, `game.${guest}`);
      await copy.update(put('a', '2', 1));
      expect(await valuesOf(person, `game.${guest}`)).toEqual({ a: '2' });
      expect(await mergedNames(person)).toEqual([`game.${guest}`]);
    });
  });

  describe('the stream', () => {
    it('receives one event for the copy and one for the deletion of the original', async () => {
      await device(guest).update(put('a', '1'));
      await device(guest).update(put('b', '2'));
      await database.query('DELETE FROM sync.outbox');
      const nudged: string[] = [];
      clock.now += 1_000;
      await merge(guest, person, { afterWrite: (outboxId) => void nudged.push(outboxId) });
      const outbox = await events();
      const ids = (await database.query<{ outbox_id: string }>('SELECT outbox_id FROM sync.outbox')).rows;
      expect(nudged.sort()).toEqual(ids.map((row) => row.outbox_id).sort());
      expect(outbox.toSorted((a, b) => (a.operation < b.operation ? -1 : 1))).toEqual([
        {
          partitionKey: guest,
          identityPoolId: POOL,
          identityId: guest,
          datasetName: 'game',
          operation: 'remove',
          payloadType: 'Inline',
          lastModifiedDate: clock.now,
          syncCount: 3,
        },
        {
          partitionKey: person,
          identityPoolId: POOL,
          identityId: person,
          datasetName: `game.${guest}`,
          operation: 'replace',
          kinesisSyncRecords: expect.arrayContaining([
            {
              key: 'a',
              value: '1',
              syncCount: 1,
              lastModifiedDate: clock.now,
              deviceLastModifiedDate: clock.now,
              op: 'replace',
            },
          ]),
          payloadType: 'Inline',
          lastModifiedDate: clock.now,
          syncCount: 1,
        },
      ]);
    });

    it('receives no events if the pool does not stream', async () => {
      await device(guest).update(put('a', '1'));
      await database.query("UPDATE sync.identity_pools SET streaming_status = 'DISABLED'");
      await database.query('DELETE FROM sync.outbox');
      const nudged: string[] = [];
      await merge(guest, person, { afterWrite: (outboxId) => void nudged.push(outboxId) });
      expect(await namesOf(person)).toEqual([`game.${guest}`]);
      expect(await events()).toEqual([]);
      expect(nudged).toEqual([]);
    });

    it('receives the records of a large copy as a URL', async () => {
      const values = Array.from({ length: 1_024 }, (_, index) => put(`key ${index}`, 'v'.repeat(1_000)));
      await device(guest).update(...values);
      await database.query('DELETE FROM sync.outbox');
      await deleteRows(database, ['sync.payloads', 'sync.payload_parts']);
      await merge(guest, person);
      const copied = (await events()).find(({ operation }) => operation === 'replace');
      expect(copied).toMatchObject({ payloadType: 'S3Url', syncCount: 1, identityId: person });
      const { rows } = await database.query<{ payload_id: string }>('SELECT payload_id FROM sync.payloads');
      const payloads = createPayloadStore(database);
      const bodies = await Promise.all(rows.map((row) => payloads.read(row.payload_id)));
      expect(bodies.map((body) => JSON.parse(body ?? '[]').length)).toEqual([1_024]);
      expect((await device(person, `game.${guest}`).describe()).Dataset.NumRecords).toBe(1_024);
      expect(await countRows('records')).toBe(DEFAULT_LIMITS.recordsPerDataset);
    });
  });

  it('merges each dataset atomically: a failure leaves that dataset unchanged and earlier datasets merged', async () => {
    await device(guest, 'a').update(put('k', '1'));
    await device(guest, 'b').update(put('k', '2'));
    await device(guest, 'c').update(put('k', '3'));
    await database.query('DELETE FROM sync.outbox');
    let inserts = 0;
    const failing: Database = {
      ...database,
      transaction: (work) =>
        database.transaction((transaction) =>
          work({
            async query(sql, values) {
              if (sql.includes('INSERT INTO sync.outbox')) {
                inserts += 1;
                if (inserts === 2) throw new Error('the power is gone');
              }
              return transaction.query(sql, values);
            },
          }),
        ),
    };
    await expect(merge(guest, person, { merges: createMergeStore(failing) })).rejects.toThrow(
      'the power is gone',
    );
    expect(await namesOf(guest)).toEqual(['b', 'c']);
    expect(await namesOf(person)).toEqual([`a.${guest}`]);
    expect(await valuesOf(guest, 'b')).toEqual({ k: '2' });
    expect(await mergedNames(person, 'b')).toBeNull();
    expect(await events()).toHaveLength(2);

    await merge(guest, person);
    expect(await namesOf(guest)).toEqual([]);
    expect(await namesOf(person)).toEqual([`a.${guest}`, `b.${guest}`, `c.${guest}`]);
    expect(await events()).toHaveLength(6);
  });

  it('changes the version of the copy and the original, so that an update with an earlier session token sees the new state', async () => {
    const [one, other] = [newIdentity(), newIdentity()];
    const source = device(one);
    const target = device(other, `game.${one}`);
    for (const count of [0, 1]) await source.update(put('a', 'source', count));
    for (const count of [0, 1]) await target.update(put('a', 'target', count));
    const [ofSource, ofTarget] = [await source.token(), await target.token()];
    await merge(one, other);
    await expect(target.updateWith(ofTarget, put('a', 'stale', 2))).rejects.toMatchObject({
      code: 'ResourceConflictException',
    });
    await source.updateWith(ofSource, put('b', 'late', 0));
    expect(await valuesOf(one, 'game')).toEqual({ b: 'late' });
    expect(await valuesOf(other, `game.${one}`)).toEqual({ a: 'source' });
    expect((await source.describe()).Dataset).toMatchObject({ NumRecords: 1, DataStorage: 5 });
  });
});

describe('merging identities on PostgreSQL', () => {
  it('loses no concurrent write to any of the identities', async () => {
    const connectionString = await createPostgresDatabase();
    const processes: readonly [Database, Database, Database] = [
      openPg({ connectionString }),
      openPg({ connectionString }),
      openPg({ connectionString }),
    ];
    const [first, second, third] = processes;
    await createPool(first);
    const chain = [newIdentity(), newIdentity(), newIdentity()] as const;
    const [guest, person, family] = chain;
    const services = [createSyncService(first), createSyncService(second)];
    const acknowledged: string[] = [];
    let merging = true;

    /** Writes keys that no other writer uses, until the merges have ended. */
    async function write(identityId: string, datasetName: string, number: number): Promise<void> {
      const { operations } = services[number % 2] ?? services[0] ?? createSyncService(first);
      const device = createDevice(operations, { identityId, datasetName });
      for (let round = 0; merging; round += 1) {
        const key = `${number}-${round}`;
        await device.update(put(key, identityId));
        acknowledged.push(key);
      }
    }

    const writers = [
      write(guest, 'game', 0),
      write(guest, 'game', 1),
      write(guest, 'settings', 2),
      write(person, 'game', 3),
      write(person, `game.${guest}`, 4),
      write(person, `game.${guest}`, 5),
      write(family, `game.${guest}`, 6),
    ];
    const merges = [
      [third, mergeOf(guest, person)],
      [second, mergeOf(guest, person)],
      [first, mergeOf(person, family)],
    ] as const;
    await Promise.all(
      merges.map(async ([database, merge]) => {
        const merger = createMerger(database);
        for (let run = 0; run < 15; run += 1) await merger(merge);
      }),
    );
    merging = false;
    await Promise.all(writers);
    await createMerger(first)(mergeOf(guest, person));
    await createMerger(first)(mergeOf(person, family));

    const found: string[] = [];
    const { operations } = createSyncService(second);
    for (const identityId of chain) {
      const { Datasets } = await createDevice(operations, { identityId }).listDatasets();
      if (identityId !== family) expect(Datasets).toEqual([]);
      for (const { DatasetName, NumRecords } of Datasets) {
        const { Records } = await createDevice(operations, { identityId, datasetName: DatasetName }).list();
        expect(Records).toHaveLength(NumRecords);
        found.push(...Records.map(({ Key }) => Key));
      }
    }
    expect(found.sort()).toEqual(acknowledged.sort());
    const { rows } = await first.query<{ summed: number; stored: number }>(
      `SELECT (SELECT sum(data_storage)::bigint FROM sync.pool_usage) AS summed,
         (SELECT sum(data_storage)::bigint FROM sync.datasets WHERE sync_count > deleted_sync_count) AS stored`,
    );
    expect(rows[0]?.summed).toBe(rows[0]?.stored);
    await Promise.all(processes.map((database) => database.close()));
  });
});
