import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IdentityKey } from '../../../lib/common/dataset-key.ts';
import type { Database } from '../../../lib/database/database.ts';
import { datasetId } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { copyPool } from '../../../lib/move/copy.ts';
import type { Skipped } from '../../../lib/move/copy-run.ts';
import type { MoveStore } from '../../../lib/move/ports/move-store.ts';
import type { Origin, OriginListing } from '../../../lib/move/ports/origin.ts';
import type { TakeOverStore } from '../../../lib/move/ports/take-over-store.ts';
import { createBridgeReports } from '../../../lib/move/store/bridge-reports.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../lib/move/store/take-over-store.ts';
import { COUNT_JUMP, takeOver, takeOverUncompared } from '../../../lib/move/take-over.ts';
import { type TakeOverProblem, takeOverAll } from '../../../lib/move/take-over-pool.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import type { ReplicaChange } from '../../../lib/sync/replica.ts';
import { DSQL, SERVICE_DATABASES, UNSTABLE_DSQL } from '../../fixtures/database/databases.ts';
import { CREATED_AT, failure, listingOf, scriptedOrigin } from './scripted-origin.ts';

const HOUR = 3_600_000;

describe.each([...SERVICE_DATABASES, UNSTABLE_DSQL])('a takeover of an identity, $name', ({ name, open }) => {
  let database: Database;
  let store: MoveStore;
  let takeOvers: TakeOverStore;
  let now = CREATED_AT + HOUR;
  beforeAll(async () => {
    database = await open();
    store = createMoveStore(database, { offloading: null, now: () => now });
    takeOvers = createTakeOverStore(database);
  });
  afterAll(() => database.close());

  /** Defines a test that does not run on the database whose commits fail, because each call takes long there. */
  const stable = it.skipIf(name === UNSTABLE_DSQL.name);
  const newId = () => `us-east-1:${randomUUID()}`;
  const sleep = async (ms: number) => {
    now += ms;
  };
  const clock = { now: () => now, sleep };
  const deps = (origin: Origin) => ({
    origin,
    store,
    takeOvers,
    limits: DEFAULT_LIMITS,
    paced: <Answer>(call: () => Promise<Answer>) => call(),
    ...clock,
  });
  const copy = (identityPoolId: string, origin: Origin) =>
    copyPool(
      { origin, store, limits: DEFAULT_LIMITS, maxCallsPerSecond: 1_000, ...clock },
      { identityPoolId, holder: 'test' },
    );
  const read = (identityPoolId: string, identityId: string, datasetName = 'game') =>
    store.readDataset({ identityPoolId, identityId, datasetName });
  const stateOf = async (pool: string, id: string) =>
    (await store.listIdentities(pool, { after: '', limit: 100, startedAt: 0 })).find(
      ({ identityId }) => identityId === id,
    )?.state;
  const agreedOn = async (identityPoolId: string, identityId: string, datasetName = 'game') => {
    const id = datasetId({ identityPoolId, identityId, datasetName });
    const sql = 'SELECT agreed_here, agreed_there FROM move.datasets WHERE dataset_id = $1';
    return (await database.query(sql, [id])).rows[0];
  };
  /** Copies a pool with one identity. The test can change the identity's datasets at the origin afterwards. */
  async function copied(datasets: Record<string, OriginListing>, calls: Partial<Origin> = {}) {
    const [identityPoolId, identityId] = [newId(), newId()];
    const origin = scriptedOrigin(identityPoolId, { [identityId]: datasets }, calls);
    expect(await copy(identityPoolId, origin)).toMatchObject({ end: 'finished', counts: { copied: 1 } });
    return { identity: { identityPoolId, identityId }, origin, datasets };
  }
  const eventOf = (identity: ReplicaChange['dataset'], syncCount: number): ReplicaChange => ({
    dataset: identity,
    version: { lastModifiedDate: syncCount * 10, syncCount },
    removal: null,
    records: [
      {
        key: 'event',
        value: 'e',
        version: { lastModifiedDate: syncCount * 10, syncCount },
        deviceLastModifiedDate: null,
        lastModifiedBy: null,
      },
    ],
    listing: null,
  });

  it('compares with the origin for the last time, raises the sync counts of datasets, and keeps those of records', async () => {
    const { identity, origin, datasets } = await copied({ game: listingOf(1, 2), old: listingOf(1) });
    const { identityPoolId: pool, identityId: id } = identity;
    datasets.game = listingOf(1, 2, 3);
    datasets.more = listingOf(1);
    delete datasets.old;
    expect(await takeOver(deps(origin), identity)).toBe('taken');
    expect(await stateOf(pool, id)).toBe('kept');
    const game = await read(pool, id);
    expect(game).toMatchObject({ exists: true, syncCount: 3 + COUNT_JUMP });
    expect(game.rows.map(({ syncCount }) => syncCount).sort()).toEqual([1, 2, 3]);
    expect(await agreedOn(pool, id)).toEqual({ agreed_here: 3, agreed_there: 3 });
    expect(await read(pool, id, 'more')).toMatchObject({ syncCount: 1 + COUNT_JUMP });
    expect((await read(pool, id, 'old')).exists).toBe(false);
    expect((await read(pool, id, 'old')).syncCount).toBeLessThan(COUNT_JUMP);
    expect(await agreedOn(pool, id, 'old')).toBeUndefined();
    expect(await store.countIdentities(pool, 0)).toMatchObject({ takenOver: 1 });
  });

  stable('happens once: a second takeover, events and copies change nothing', async () => {
    const { identity, origin, datasets } = await copied({ game: listingOf(1) });
    const { identityPoolId: pool, identityId: id } = identity;
    await takeOver(deps(origin), identity);
    const before = await read(pool, id);
    datasets.game = listingOf(1, 2, 3);
    expect(await takeOver(deps(origin), identity)).toBe('ours');
    expect(await store.applyChange(eventOf({ ...identity, datasetName: 'game' }, 2))).toEqual({
      outcome: 'kept',
    });
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished', counts: { kept: 1, copied: 0 } });
    expect(await read(pool, id)).toEqual(before);
  });

  it('is made by only one of several concurrent calls, and all of them find the identity owned', async () => {
    const { identity, origin } = await copied({ game: listingOf(1, 2) });
    const calls = await Promise.all(
      Array.from({ length: 4 }, () => takeOver({ ...deps(origin), sleep: pauseShortly }, identity)),
    );
    expect(calls.filter((outcome) => outcome === 'taken')).toHaveLength(1);
    expect(calls.filter((outcome) => outcome === 'ours')).toHaveLength(3);
    expect((await read(identity.identityPoolId, identity.identityId)).syncCount).toBe(2 + COUNT_JUMP);
  });
  const pauseShortly = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  stable('waits for another process, and starts after the lease of a killed process has ended', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const dead = await takeOvers.claim(identity, { now, until: now + 30_000 });
    if (dead === 'busy' || dead === 'ours') throw new Error('no lease');
    expect(await takeOver(deps(origin), identity)).toBe('busy');
    now += 30_000;
    expect(await takeOvers.finish(dead, { at: now, countJump: 1 })).toBe(false);
    expect(await takeOver(deps(origin), identity)).toBe('taken');
    expect(await takeOvers.renew(dead, now + 30_000)).toBe(false);
    expect(await takeOvers.finish(dead, { at: now, countJump: 1 })).toBe(false);
    expect((await read(identity.identityPoolId, identity.identityId)).syncCount).toBe(1 + COUNT_JUMP);
  });

  it('leaves a replica if another process took the lease of the identity during the comparison', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const slow: Origin = {
      ...origin,
      listDatasets: async (key) => {
        now += 60_000;
        await takeOvers.claim(identity, { now, until: now + 30_000 });
        return origin.listDatasets(key);
      },
    };
    expect(await takeOver(deps(slow), identity)).toBe('busy');
    expect(await stateOf(identity.identityPoolId, identity.identityId)).toBe('replica');
  });

  stable.each(['describeIdentity', 'listDatasets', 'listRecords'] as const)(
    'leaves a replica if %s fails, and succeeds later',
    async (call) => {
      const { identity, origin } = await copied({ game: listingOf(1) });
      const failing = { ...origin, [call]: () => Promise.reject(failure('unavailable')) };
      await expect(takeOver(deps(failing), identity)).rejects.toThrow('scripted');
      expect(await stateOf(identity.identityPoolId, identity.identityId)).toBe('replica');
      expect(await takeOver(deps(origin), identity)).toBe('taken');
    },
  );

  stable('leaves a replica if a dataset changes during every listing', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const listRecords: Origin['listRecords'] = async () => ({ ...listingOf(1), isConsistent: false });
    expect(await takeOver(deps({ ...origin, listRecords }), identity)).toBe('busy');
    expect(await stateOf(identity.identityPoolId, identity.identityId)).toBe('replica');
  });

  stable('applies an event that arrives before the takeover ends, but not a later one', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const game = { ...identity, datasetName: 'game' };
    const during: TakeOverStore = {
      ...takeOvers,
      finish: async (...about) => {
        expect(await store.applyChange(eventOf(game, 2))).toMatchObject({ outcome: 'written' });
        return takeOvers.finish(...about);
      },
    };
    expect(await takeOver({ ...deps(origin), takeOvers: during }, identity)).toBe('taken');
    expect(await agreedOn(identity.identityPoolId, identity.identityId)).toMatchObject({ agreed_there: 2 });
    expect(await store.applyChange(eventOf(game, 3))).toEqual({ outcome: 'kept' });
    expect(await read(identity.identityPoolId, identity.identityId)).toMatchObject({
      syncCount: 2 + COUNT_JUMP,
    });
  });

  stable('copies new logins, and disables an identity that no longer has logins at the origin', async () => {
    const [pool, id] = [newId(), newId()];
    let providers: string[] = [];
    const described = async () => ({
      identityId: id,
      createdAt: CREATED_AT,
      modifiedAt: CREATED_AT,
      providers,
    });
    const origin = scriptedOrigin(pool, { [id]: {} }, { describeIdentity: described });
    const identities = createIdentityStore(database);
    const asked = async () =>
      (await identities.findLogins({ identityPoolId: pool, asked: id, proven: null, logins: [] })).asked;
    await copy(pool, origin);
    expect(await asked()).toMatchObject({ isGuest: true });
    providers = ['accounts.google.com'];
    await takeOver(deps(origin), { identityPoolId: pool, identityId: id });
    expect(await asked()).toMatchObject({ isGuest: false, providers });

    const [pool2, id2] = [newId(), newId()];
    const listed = async () => ({
      items: [
        {
          identityId: id2,
          createdAt: CREATED_AT,
          modifiedAt: CREATED_AT,
          providers: ['accounts.google.com'],
        },
      ],
      next: null,
    });
    const unlinked = scriptedOrigin(pool2, { [id2]: {} }, { listIdentities: listed });
    await copy(pool2, unlinked);
    await takeOver(deps(unlinked), { identityPoolId: pool2, identityId: id2 });
    const found = await identities.findLogins({
      identityPoolId: pool2,
      asked: id2,
      proven: null,
      logins: [],
    });
    expect(found.asked).toMatchObject({ isGuest: false, isUnlinked: true });
  });

  stable(
    'becomes the owner of the replica of an identity that no longer exists at the origin, if the origin has the pool',
    async () => {
      const { identity, origin } = await copied({ game: listingOf(1) });
      const { identityPoolId: pool, identityId: id } = identity;
      const gone: Origin = { ...origin, describeIdentity: async () => null };
      const otherAccount: Origin = { ...gone, readPool: () => Promise.reject(failure('not-found')) };
      await expect(takeOver(deps(otherAccount), identity)).rejects.toThrow('scripted');
      expect(await stateOf(pool, id)).toBe('replica');
      expect(await takeOver(deps(gone), identity)).toBe('gone');
      expect(await read(pool, id)).toMatchObject({ exists: true, syncCount: 1 + COUNT_JUMP });
    },
  );

  stable('does not take over an identity that is deleted before or during the takeover', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const deleting: Origin = {
      ...origin,
      listDatasets: async (key) => {
        await createIdentityStore(database).deleteIdentity(identity.identityId, now);
        return origin.listDatasets(key);
      },
    };
    expect(await takeOver(deps(deleting), identity)).toBe('busy');
    expect(await takeOver(deps(origin), identity)).toBe('ours');
    expect(await takeOvers.ownersOf([identity])).toEqual(['unknown']);
    expect(await store.countIdentities(identity.identityPoolId, 0)).toMatchObject({ takenOver: 0 });
  });

  it('stores a deletion that only the origin knows, but never deletes a dataset that exists here', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const { identityPoolId: pool, identityId: id } = identity;
    const lost = { ...identity, datasetName: 'lost' };
    const about = { syncCount: 8, at: now };
    expect(await takeOvers.keepDeletion(lost, about)).toBe(false);
    await takeOver(deps(origin), identity);
    expect(await takeOvers.keepDeletion(lost, about)).toBe(true);
    expect(await read(pool, id, 'lost')).toMatchObject({ exists: false, syncCount: 8 });
    expect(await takeOvers.keepDeletion(lost, { syncCount: 12, at: now + 1 })).toBe(true);
    expect(await read(pool, id, 'lost')).toMatchObject({ exists: false, syncCount: 12 });
    expect(await takeOvers.keepDeletion({ ...identity, datasetName: 'game' }, about)).toBe(false);
    expect(await read(pool, id)).toMatchObject({ exists: true });
  });

  stable('takes a pool over, names the identities that remain, and continues in the next run', async () => {
    const pool = newId();
    const ids = [newId(), newId(), newId()];
    const [bad = ''] = ids;
    const origin = scriptedOrigin(pool, Object.fromEntries(ids.map((id) => [id, { game: listingOf(1) }])));
    await copy(pool, origin);
    const failing: Origin = {
      ...origin,
      listDatasets: (key) =>
        key.identityId === bad ? Promise.reject(failure('unavailable')) : origin.listDatasets(key),
    };
    const run = async (on: Origin) => {
      const problems: Pick<Skipped, 'identityId'>[] = [];
      const result = await takeOverAll(
        // The clock stands still, so the pauses between retries do not end the leases of the other identities.
        { ...deps(on), maxCallsPerSecond: 1_000, sleep: async () => undefined },
        { identityPoolId: pool, identityId: null, onSkipped: (problem) => void problems.push(problem) },
      );
      return { ...result, problems };
    };
    const problem = { identityId: bad, datasetName: null, reason: 'unreadable' };
    expect(await run(failing)).toMatchObject({ takenOver: 2, left: 1, problems: [problem] });
    expect(await run(origin)).toMatchObject({ takenOver: 1, left: 0, problems: [] });
    expect(await run(origin)).toMatchObject({ takenOver: 0, left: 0 });
  });

  stable('forgets the agreed sync counts of both sides if the pool is deleted and copied again', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const { identityPoolId: pool, identityId: id } = identity;
    await takeOver(deps(origin), identity);
    await createIdentityStore(database).deleteIdentity(id, now);
    for (const table of ['sync.records', 'sync.datasets', 'identity.identities', 'sync.deleted_identities'])
      await database.query(`DELETE FROM ${table}`);
    await database.query('DELETE FROM sync.identity_pools WHERE identity_pool_id = $1', [pool]);
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished', counts: { created: 1, kept: 0 } });
    expect(await agreedOn(pool, id)).toBeUndefined();
    expect(await stateOf(pool, id)).toBe('replica');
  });

  /** Adds 1,000 datasets with the count 2. */
  async function addDatasets(identity: IdentityKey, prefix: string, deletedSyncCount: number) {
    const names = Array.from({ length: 1_000 }, (_, index) => `${prefix}${index}`);
    await database.query(
      `INSERT INTO sync.datasets (dataset_id, identity_pool_id, identity_id, dataset_name, sync_count,
        deleted_sync_count, creation_ms, last_modified_ms, last_modified_by, data_storage, record_count)
      SELECT given.dataset_id, $1::text, $2::text, given.name, 2, $3::bigint, 1, 1, 'a', 0, 0
      FROM unnest($4::uuid[], $5::text[]) AS given (dataset_id, name)`,
      [
        identity.identityPoolId,
        identity.identityId,
        deletedSyncCount,
        names.map((datasetName) => datasetId({ ...identity, datasetName })),
        names,
      ],
    );
  }

  stable(
    'leaves an identity a replica if it has too many datasets for a transaction of Aurora DSQL',
    async () => {
      const { identity, origin } = await copied({ game: listingOf(1) });
      const { identityPoolId, identityId } = identity;
      for (const prefix of ['a', 'b']) await addDatasets(identity, prefix, 0);
      const problems: TakeOverProblem[] = [];
      const result = await takeOverAll(
        { ...deps({ ...origin, describeIdentity: async () => null }), maxCallsPerSecond: 1_000 },
        { identityPoolId, identityId, onSkipped: (problem) => problems.push(problem) },
      );
      const isTooLarge = name === DSQL.name;
      expect(result).toMatchObject({ takenOver: isTooLarge ? 0 : 1, left: isTooLarge ? 1 : 0 });
      expect(problems).toEqual(
        isTooLarge ? [{ identityId, datasetName: null, reason: 'too-many-datasets' }] : [],
      );
      expect(await takeOverUncompared(deps(origin), identity)).toBe(false);
      expect(await stateOf(identityPoolId, identityId)).toBe(isTooLarge ? 'replica' : 'kept');
      expect(await read(identityPoolId, identityId)).toMatchObject({
        syncCount: isTooLarge ? 1 : 1 + COUNT_JUMP,
      });
    },
  );

  stable('changes no more rows than a transaction may change, even for thousands of datasets', async () => {
    const { identity, origin } = await copied({ game: listingOf(1) });
    const { identityPoolId: pool, identityId: id } = identity;
    await addDatasets(identity, 'live', 0);
    for (const prefix of ['a', 'b', 'c']) await addDatasets(identity, prefix, 2);
    expect(await takeOver(deps({ ...origin, describeIdentity: async () => null }), identity)).toBe('gone');
    const { rows } = await database.query<{ count: number }>(
      'SELECT count(*) AS count FROM sync.datasets WHERE identity_id = $1 AND sync_count = $2::bigint',
      [id, 2 + COUNT_JUMP],
    );
    expect(rows[0]?.count).toBe(1_000);
    // The bridge must compare all these datasets again.
    expect(await createBridgeReports(database).count(pool)).toMatchObject({ marks: 1_001, datasets: 1_001 });
  });
});
