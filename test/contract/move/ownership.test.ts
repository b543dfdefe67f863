import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { copyPool } from '../../../lib/move/copy.ts';
import { MOVING_KNOWN_MS } from '../../../lib/move/moving-pools.ts';
import { ownSyncOperations } from '../../../lib/move/own-operations.ts';
import { createOwnership, type OwnershipDeps } from '../../../lib/move/ownership.ts';
import type { MoveStore } from '../../../lib/move/ports/move-store.ts';
import type { Origin } from '../../../lib/move/ports/origin.ts';
import type { TakeOverStore } from '../../../lib/move/ports/take-over-store.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../lib/move/store/take-over-store.ts';
import { COUNT_JUMP } from '../../../lib/move/take-over.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import type { ReplicaChange } from '../../../lib/sync/replica.ts';
import { READ_SNAPSHOT } from '../../../lib/sync/store/sync-statements.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { newPool } from '../../fixtures/identity/identity-pools.ts';
import { createSyncService, DEVELOPER, put } from '../../fixtures/sync/sync-service.ts';
import { CREATED_AT, failure, listingOf, scriptedOrigin } from './scripted-origin.ts';

describe('ownership, which takes identities over at their first request', () => {
  let database: Database;
  let store: MoveStore;
  let takeOvers: TakeOverStore;
  let now = CREATED_AT + 3_600_000;
  beforeAll(async () => {
    database = await openDatabase();
    store = createMoveStore(database, { offloading: null, now: () => now });
    takeOvers = createTakeOverStore(database);
  });
  afterAll(() => database.close());

  const newId = () => `us-east-1:${randomUUID()}`;
  /** Creates an ownership that counts the calls to its store. */
  function counting() {
    const calls = { listMoving: 0, ownersOf: 0 };
    const counted: TakeOverStore = {
      ...takeOvers,
      listMoving: () => {
        calls.listMoving += 1;
        return takeOvers.listMoving();
      },
      ownersOf: (identities) => {
        calls.ownersOf += 1;
        return takeOvers.ownersOf(identities);
      },
    };
    return { calls, counted };
  }
  function ownershipWith(origin: Origin, more: Partial<OwnershipDeps> = {}) {
    const reports: string[] = [];
    const ownership = createOwnership({
      takeOvers,
      store,
      limits: DEFAULT_LIMITS,
      openOrigin: () => origin,
      now: () => now,
      steadyNow: () => now,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms).unref()),
      report: (message, { error }) =>
        void reports.push(`${message}: ${error instanceof Error ? error.message : ''}`),
      ...more,
    });
    return { ...ownership, reports };
  }
  async function copied(calls: Partial<Origin> = {}) {
    const [identityPoolId, identityId] = [newId(), newId()];
    const origin = scriptedOrigin(identityPoolId, { [identityId]: { game: listingOf(1) } }, calls);
    await copyPool(
      {
        origin,
        store,
        limits: DEFAULT_LIMITS,
        maxCallsPerSecond: 1_000,
        now: () => now,
        sleep: async () => undefined,
      },
      { identityPoolId, holder: 'test' },
    );
    return { identity: { identityPoolId, identityId }, origin };
  }
  const tryAgain = { code: 'InternalErrorException', status: 500 };

  it('sends only a small query from time to time while no pool is being migrated', async () => {
    const pool = await newPool(database);
    const { calls, counted } = counting();
    const listMoving: TakeOverStore['listMoving'] = async () => {
      calls.listMoving += 1;
      return [];
    };
    const { own, ownById } = ownershipWith(scriptedOrigin(pool, {}), {
      takeOvers: { ...counted, listMoving },
    });
    for (let request = 0; request < 100; request += 1) {
      expect(await own([{ identityPoolId: pool, identityId: newId() }])).toBe(false);
      expect(await ownById(newId())).toBe(false);
    }
    expect(calls).toEqual({ listMoving: 1, ownersOf: 0 });
    now += MOVING_KNOWN_MS;
    await own([{ identityPoolId: pool, identityId: newId() }]);
    expect(calls).toEqual({ listMoving: 2, ownersOf: 0 });
  });

  it('takes an identity over only once, also if only its id is given, and caches the result', async () => {
    const { identity, origin } = await copied();
    const { calls, counted } = counting();
    const { own, ownById } = ownershipWith(origin, { takeOvers: counted });
    const results = await Promise.all([ownById(identity.identityId), own([identity]), own([identity])]);
    expect(results).toContain(true);
    expect(await own([identity])).toBe(false);
    const { ownersOf } = calls;
    expect(await own([identity])).toBe(false);
    expect(calls.ownersOf).toBe(ownersOf);
    expect(await store.countIdentities(identity.identityPoolId, 0)).toMatchObject({ takenOver: 1 });
  });

  it('takes an identity over before an update, so that a session token from before does not hold the current version', async () => {
    const { identity, origin } = await copied();
    const dataset = { ...identity, datasetName: 'game' };
    const statements: string[] = [];
    const { operations } = createSyncService({
      ...database,
      query(sql, values) {
        statements.push(sql);
        return database.query(sql, values);
      },
    });
    const game = {
      IdentityPoolId: identity.identityPoolId,
      IdentityId: identity.identityId,
      DatasetName: 'game',
    };
    const { own, ...others } = ownershipWith(origin);
    const { ListRecords, UpdateRecords } = ownSyncOperations(operations, { own, ...others });
    const { SyncSessionToken } = await ListRecords(game, DEVELOPER);
    const { records, ...listing } = listingOf(1);
    const change: ReplicaChange = {
      dataset,
      version: { lastModifiedDate: 10, syncCount: 1 },
      removal: null,
      records: records.map((record) => ({ ...record, lastModifiedBy: 'another author' })),
      listing: { creationDate: 1, lastModifiedBy: listing.lastModifiedBy ?? '', unstorableKeys: [] },
    };
    const versions = await store.versionsOf([dataset]);
    expect(await store.applyChange(change)).toMatchObject({ outcome: 'written', records: 1 });
    expect(await store.versionsOf([dataset])).toEqual(versions);

    statements.length = 0;
    const RecordPatches = [put('k1', 'new', 1)];
    const { Records } = await UpdateRecords({ ...game, SyncSessionToken, RecordPatches }, DEVELOPER);
    expect(Records).toMatchObject([{ Key: 'k1', Value: 'new', SyncCount: 2 + COUNT_JUMP }]);
    expect(statements).toContain(READ_SNAPSHOT);
    expect(await store.applyChange(change)).toEqual({ outcome: 'kept' });
  });

  it('takes over an identity that is copied from the origin only after the first request for it', async () => {
    const { identity, origin } = await copied();
    const { identityPoolId } = identity;
    const later = { identityPoolId, identityId: newId() };
    const described: Origin = {
      ...origin,
      describeIdentity: async (identityId) => ({
        identityId,
        createdAt: now,
        modifiedAt: now,
        providers: [],
      }),
    };
    const { own } = ownershipWith(described);
    expect(await own([later])).toBe(false);
    const about = { startedAt: null, state: 'usable', developerProvider: undefined } as const;
    const arrived = { identityId: later.identityId, createdAt: now, modifiedAt: now, providers: [] };
    await store.putIdentities(identityPoolId, [arrived], about);
    expect(await own([later])).toBe(true);
  });

  it('asks no origin about an identity that was created here', async () => {
    const { identity } = await copied();
    const { identityPoolId } = identity;
    const native = { identityPoolId, identityId: newId() };
    await createIdentityStore(database).createGuest(native, now);
    const openOrigin = () => {
      throw new Error('the origin was opened');
    };
    expect(await ownershipWith(scriptedOrigin(identityPoolId, {}), { openOrigin }).own([native])).toBe(false);
  });

  it.each(['unavailable', 'throttled', 'not-authorized', 'credentials', 'refused'] as const)(
    'lets clients try again if calls to the origin fail with "%s"',
    async (condition) => {
      const { identity, origin } = await copied();
      let isFailing = true;
      const listDatasets: Origin['listDatasets'] = (key) =>
        isFailing ? Promise.reject(failure(condition)) : origin.listDatasets(key);
      const { own, reports } = ownershipWith({ ...origin, listDatasets });
      await expect(own([identity])).rejects.toMatchObject(tryAgain);
      expect(reports).toEqual(['an identity could not be taken over from the origin: scripted']);
      isFailing = false;
      expect(await own([identity])).toBe(true);
    },
  );

  it('does not use an origin other than that of the copy', async () => {
    const { identity, origin } = await copied();
    const { own, reports } = ownershipWith({ ...origin, name: 'another' });
    await expect(own([identity])).rejects.toMatchObject(tryAgain);
    expect(reports.join()).toContain('the pool was copied from scripted, but ORIGIN_ENDPOINT_URL');
  });

  it('does not let a request wait for longer than 10 s, and completes the takeover afterwards', async () => {
    const { identity, origin } = await copied();
    const gate = Promise.withResolvers<void>();
    const listDatasets: Origin['listDatasets'] = async (key) => {
      await gate.promise;
      return origin.listDatasets(key);
    };
    const { own, reports } = ownershipWith({ ...origin, listDatasets }, { sleep: async () => undefined });
    await expect(own([identity])).rejects.toMatchObject(tryAgain);
    expect(reports.join()).toContain('no result after 10 s');
    gate.resolve();
    const { own: later } = ownershipWith({ ...origin, listDatasets });
    await later([identity]);
    expect(await store.countIdentities(identity.identityPoolId, 0)).toMatchObject({ takenOver: 1 });
  });

  it('stores the deletion of a dataset only if the origin confirms it', async () => {
    const { identity, origin } = await copied();
    const answers = {
      known: async () => true,
      unknown: async () => false,
      refused: () => Promise.reject(failure('refused')),
    };
    const wasDeletedAfter: Origin['wasDeletedAfter'] = ({ datasetName }) =>
      datasetName in answers
        ? answers[datasetName as keyof typeof answers]()
        : Promise.reject(failure('unavailable'));
    const { own, keepDeletion } = ownershipWith({ ...origin, wasDeletedAfter });
    await own([identity]);
    expect(await keepDeletion({ ...identity, datasetName: 'known' }, 7)).toBe(true);
    expect(await store.readDataset({ ...identity, datasetName: 'known' })).toMatchObject({
      exists: false,
      syncCount: 8,
    });
    expect(await keepDeletion({ ...identity, datasetName: 'unknown' }, 7)).toBe(false);
    expect(await keepDeletion({ ...identity, datasetName: 'refused' }, 7)).toBe(false);
    await expect(keepDeletion({ ...identity, datasetName: 'other' }, 7)).rejects.toMatchObject(tryAgain);
  });

  it('asks the origin at most once a minute whether a missing dataset was deleted, and never about an existing dataset', async () => {
    const { identity, origin } = await copied();
    const asked: string[] = [];
    const counted: Origin = {
      ...origin,
      listRecords: async (dataset) => {
        asked.push('listing');
        return origin.listRecords(dataset);
      },
      wasDeletedAfter: async ({ datasetName }) => {
        asked.push(datasetName);
        return datasetName === 'deleted';
      },
    };
    const { own, keepDeletion } = ownershipWith(counted);
    await own([identity]);
    asked.length = 0;
    const ask = (datasetName: string) => keepDeletion({ ...identity, datasetName }, 7);
    for (let request = 0; request < 3; request += 1) {
      expect(await ask('game')).toBe(false);
      expect(await ask('missing')).toBe(false);
    }
    expect(asked).toEqual(['missing']);
    now += 60_000;
    expect(await ask('missing')).toBe(false);
    expect(await ask('deleted')).toBe(true);
    expect(asked).toEqual(['missing', 'missing', 'deleted']);
  });
});
