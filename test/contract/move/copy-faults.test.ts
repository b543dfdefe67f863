import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { copyPool } from '../../../lib/move/copy.ts';
import type { Skipped } from '../../../lib/move/copy-run.ts';
import { planCopy } from '../../../lib/move/plan-copy.ts';
import type { MoveStore } from '../../../lib/move/ports/move-store.ts';
import type { Origin } from '../../../lib/move/ports/origin.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../lib/move/store/take-over-store.ts';
import { type VerifyDeps, verifyPool } from '../../../lib/move/verify.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { CREATED_AT, failure, listingOf, scriptedOrigin } from './scripted-origin.ts';

const HOUR = 3_600_000;

describe.each(SERVICE_DATABASES)('a copy of a pool from the origin, with faults, on $name', ({ open }) => {
  let database: Database;
  let store: MoveStore;
  let now = CREATED_AT + HOUR;
  beforeAll(async () => {
    database = await open();
    store = createMoveStore(database, { offloading: null, now: () => now });
  });
  afterAll(() => database.close());

  const newPool = () => `us-east-1:${randomUUID()}`;
  const newIds = () => [newPool(), newPool(), newPool()] as const;
  const clock = {
    now: () => now,
    sleep: async (ms: number) => {
      now += ms;
    },
    maxCallsPerSecond: 1_000,
  };
  async function copy(pool: string, origin: Origin, faulty: Partial<MoveStore> = {}) {
    const skipped: Skipped[] = [];
    const outcome = await copyPool(
      { origin, store: { ...store, ...faulty }, limits: DEFAULT_LIMITS, ...clock },
      { identityPoolId: pool, holder: 'test', onSkipped: (item) => skipped.push(item) },
    );
    return { ...outcome, reasons: skipped.map(({ reason }) => reason) };
  }
  const killed = () => Promise.reject(new Error('killed'));
  /** Moves the clock past the end of the lease of a killed process. */
  const waitForLease = () => {
    now += HOUR;
  };
  const verify = (pool: string, origin: Origin, given: Partial<VerifyDeps> = {}, signal?: AbortSignal) =>
    verifyPool(
      { origin, store, random: Math.random, ...clock, ...given },
      { identityPoolId: pool, sample: null, ...(signal && { signal }) },
    );
  const rowsOf = async (pool: string, identityId: string) =>
    (await store.readDataset({ identityPoolId: pool, identityId, datasetName: 'game' })).rows.length;

  it('starts again if it was killed right after it created a pool whose id an earlier pool had', async () => {
    const [pool, id] = [newPool(), newPool()];
    const origin = scriptedOrigin(pool, { [id]: { game: listingOf(1) } });
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished', isPoolMade: true });
    await store.saveVerification(pool, { at: now, differences: 1 });
    await createIdentityStore(database).deleteIdentity(id, now);
    for (const table of ['sync.records', 'sync.datasets', 'identity.identities', 'sync.deleted_identities'])
      await database.query(`DELETE FROM ${table}`);
    await database.query('DELETE FROM sync.identity_pools WHERE identity_pool_id = $1', [pool]);
    const createPool: MoveStore['createPool'] = async (settings) => {
      await store.createPool(settings);
      return killed();
    };
    await expect(copy(pool, origin, { createPool, releaseLease: async () => undefined })).rejects.toThrow();
    expect(await store.readPool(pool, now)).toMatchObject({
      copiedAt: null,
      verifiedAt: null,
      differences: null,
    });
    waitForLease();
    expect(await copy(pool, origin)).toMatchObject({
      end: 'finished',
      counts: { created: 1, copied: 1, kept: 0 },
    });
    expect(await rowsOf(pool, id)).toBe(1);
    const settings = await createIdentityStore(database).readPool(pool);
    expect(settings).toMatchObject({ IdentityPoolName: 'Game', AllowUnauthenticatedIdentities: true });
  });

  it('refuses to copy from another origin after an identity was taken over', async () => {
    const [pool, id] = [newPool(), newPool()];
    const origin = scriptedOrigin(pool, { [id]: { game: listingOf(1) } });
    await copy(pool, origin);
    const other: Origin = { ...origin, name: 'staging' };
    expect(await copy(pool, other)).toMatchObject({ end: 'finished' });
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished' });
    const takeOvers = createTakeOverStore(database);
    const lease = await takeOvers.claim({ identityPoolId: pool, identityId: id }, { now, until: now + HOUR });
    if (typeof lease === 'string') throw new Error(lease);
    expect(await takeOvers.finish(lease, { at: now, countJump: 1 })).toBe(true);
    const refused = await copy(pool, other);
    expect(refused).toMatchObject({ end: 'other-origin' });
    for (const name of ['scripted', 'staging']) expect(refused.message).toContain(name);
    expect((await store.readPool(pool, now))?.origin).toBe('scripted');
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished' });
  });

  it('does not list the identities again if it was killed after the last identity, before it stored that it had finished', async () => {
    const [pool, id] = [newPool(), newPool()];
    let listings = 0;
    const own = scriptedOrigin(pool, { [id]: { game: listingOf(1) } });
    const origin: Origin = {
      ...own,
      listIdentities: (...about) => {
        listings += 1;
        return own.listIdentities(...about);
      },
    };
    await expect(copy(pool, origin, { finishCopy: killed })).rejects.toThrow('killed');
    const before = listings;
    waitForLease();
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished', isResumed: true });
    expect(listings).toBe(before);
    expect((await store.readPool(pool, now))?.copiedAt).toBe(now);
  });

  it.each(['unavailable', 'not-authorized', 'refused'] as const)(
    'continues with the next identity if the calls for one identity fail with "%s"',
    async (condition) => {
      const [pool, [good, bad, other]] = [newPool(), newIds()];
      const datasets = { [good]: { game: listingOf(1) }, [bad]: {}, [other]: { game: listingOf(1) } };
      const own = scriptedOrigin(pool, datasets);
      const isRead = Promise.withResolvers<void>();
      const origin: Origin = {
        ...own,
        listDatasets: async (identity) => {
          if (identity.identityId !== bad) {
            isRead.resolve();
            return own.listDatasets(identity);
          }
          await isRead.promise;
          throw failure(condition);
        },
      };
      const copied = await copy(pool, origin);
      const reason = condition === 'refused' ? 'refused' : 'unreadable';
      expect(copied).toMatchObject({ end: 'finished', counts: { copied: 2, skipped: 1 }, reasons: [reason] });
      expect(await verify(pool, origin)).toMatchObject({
        identities: 3,
        differences: [{ identityId: bad, datasetName: null, kind: 'unreadable' }],
      });
    },
  );

  it('continues with the next dataset if the origin fails to read one', async () => {
    const [pool, id] = [newPool(), newPool()];
    const own = scriptedOrigin(pool, { [id]: { bad: listingOf(1), game: listingOf(1), more: listingOf(1) } });
    const origin: Origin = {
      ...own,
      listRecords: (dataset) =>
        dataset.datasetName === 'bad' ? Promise.reject(failure('unavailable')) : own.listRecords(dataset),
    };
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished', reasons: ['unreadable'] });
    expect(await rowsOf(pool, id)).toBe(1);
    expect((await verify(pool, origin)).differences).toMatchObject([
      { datasetName: 'bad', kind: 'unreadable' },
    ]);
  });

  it.each(['unavailable', 'refused'] as const)(
    'continues a dry run if the calls for one identity fail with "%s"',
    async (condition) => {
      const [pool, [bad, good]] = [newPool(), newIds()];
      const own = scriptedOrigin(pool, { [bad]: {}, [good]: { game: listingOf(1) } });
      const listDatasets: Origin['listDatasets'] = (identity) =>
        identity.identityId === bad ? Promise.reject(failure(condition)) : own.listDatasets(identity);
      const plan = (origin: Origin) =>
        planCopy(
          { origin, pools: createPoolStore(database), limits: DEFAULT_LIMITS, ...clock },
          { identityPoolId: pool },
        );
      expect(await plan({ ...own, listDatasets })).toMatchObject({ identities: 2, datasets: 1, unread: 1 });
      const none: Origin = { ...own, listDatasets: () => Promise.reject(failure('unavailable')) };
      await expect(plan(none)).rejects.toThrow('scripted');
    },
  );

  it('does not mark a gap as repaired if it could not read some of the data that may be missing', async () => {
    const [pool, [good, bad]] = [newPool(), newIds()];
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`d${index}`, listingOf(1)]));
    const own = scriptedOrigin(pool, { [good]: many, [bad]: { game: listingOf(1) } });
    await copy(pool, own);
    await store.saveGap(pool, 700);
    const gapOf = async () => (await store.readPool(pool, now))?.gapSince;
    const listRecords: Origin['listRecords'] = (dataset) =>
      dataset.identityId === bad ? Promise.reject(failure('refused')) : own.listRecords(dataset);
    now += HOUR;
    const incomplete = await copy(pool, { ...own, listRecords });
    expect(incomplete).toMatchObject({ end: 'finished', counts: { skipped: 2, unread: 1 } });
    expect(await gapOf()).toBe(700);
    now += HOUR;
    expect(await copy(pool, own)).toMatchObject({ reasons: ['above-limits'], counts: { unread: 0 } });
    expect(await gapOf()).toBeNull();
  });

  it('stops if a permission is missing for all identities', async () => {
    const [pool, [one, two]] = [newPool(), newIds()];
    const datasets = { [one]: { game: listingOf(1) }, [two]: { game: listingOf(1) } };
    const listRecords = () => Promise.reject(failure('not-authorized'));
    const origin = scriptedOrigin(pool, datasets, { listRecords });
    expect(await copy(pool, origin)).toMatchObject({ end: 'not-authorized' });
    const listDatasets = () => Promise.reject(failure('refused'));
    expect(await copy(pool, scriptedOrigin(pool, datasets, { listDatasets }))).toMatchObject({
      end: 'refused',
    });
  });

  it('removes a dataset that is gone at the origin, with a sync count above the count that any device knows', async () => {
    const [pool, id] = [newPool(), newPool()];
    await copy(pool, scriptedOrigin(pool, { [id]: { game: listingOf(1, 3) } }));
    expect(await copy(pool, scriptedOrigin(pool, { [id]: {} }))).toMatchObject({ counts: { removed: 1 } });
    const key = { identityPoolId: pool, identityId: id, datasetName: 'game' };
    expect(await store.versionsOf([key])).toMatchObject([{ version: { syncCount: 4 } }]);
  });

  it('keeps its lease while a call is retried', async () => {
    const [pool, id] = [newPool(), newPool()];
    const others: unknown[] = [];
    const about = () => ({ origin: 'scripted', holder: 'other', now, until: now + 1_000 });
    const own = scriptedOrigin(pool, { [id]: { game: listingOf(1) } });
    let attempts = 0;
    const origin: Origin = {
      ...own,
      listRecords: async (dataset) => {
        attempts += 1;
        if (attempts > 6) return own.listRecords(dataset);
        now += 60_000;
        others.push(await store.takeLease(pool, about()));
        throw failure('unavailable');
      },
    };
    expect(await copy(pool, origin)).toMatchObject({ end: 'finished', counts: { copied: 1 } });
    expect(others).toEqual(Array.from({ length: 6 }, () => expect.objectContaining({ holder: 'test' })));
  });

  it('ends a comparison that finds too many differences, or that the operator stops', async () => {
    const [pool, id] = [newPool(), newPool()];
    const many = Object.fromEntries(Array.from({ length: 1_200 }, (_, index) => [`d${index}`, listingOf(1)]));
    await copy(pool, scriptedOrigin(pool, { [id]: {} }));
    const origin = scriptedOrigin(pool, { [id]: many });
    const sleep = async () => {
      now += 60_000;
    };
    const cut = await verify(pool, origin, { sleep });
    expect(cut).toMatchObject({ isCutShort: true });
    expect(cut.differences.length).toBeGreaterThanOrEqual(1_000);
    const stop = new AbortController();
    let calls = 0;
    const listRecords: Origin['listRecords'] = async (dataset) => {
      calls += 1;
      stop.abort();
      return origin.listRecords(dataset);
    };
    const stopped = await verify(pool, { ...origin, listRecords }, {}, stop.signal);
    expect(stopped).toMatchObject({ isStopped: true });
    expect(calls).toBe(1);
  });
});
