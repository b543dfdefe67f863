import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import type { Database } from '../../../lib/database/database.ts';
import { datasetId } from '../../../lib/database/row-ids.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { bridgeDue } from '../../../lib/move/bridge.ts';
import { hintChange } from '../../../lib/move/hint-changes.ts';
import type { BridgeStore } from '../../../lib/move/ports/bridge-store.ts';
import type { Origin, OriginPatch } from '../../../lib/move/ports/origin.ts';
import { createBridgeStore } from '../../../lib/move/store/bridge-store.ts';
import { createMergedRecords } from '../../../lib/move/store/merged-records.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../lib/move/store/take-over-store.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { createMergeStore } from '../../../lib/sync/store/merge-store.ts';
import { setBridges } from '../../../lib/sync/store/replica/marks.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createMerger } from '../../fixtures/sync/merges.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, drop, put } from '../../fixtures/sync/sync-service.ts';
import { scriptedOrigin } from './scripted-origin.ts';

/** A dataset at the origin, in memory. A test can make `update` fail before or after it writes. */
class Dataset {
  readonly identityId: string;
  syncCount = 0;
  deletedSyncCount = 0;
  updates = 0;
  rows = new Map<string, { value: string | null; syncCount: number; deviceMs: number | null }>();
  fail: 'before' | 'after' | 'limit' | null = null;
  refuses: (key: string) => boolean = () => false;
  providers = ['login.example'];

  constructor(identityId: string) {
    this.identityId = identityId;
  }

  set(...patches: Partial<OriginPatch>[]): void {
    this.syncCount += 1;
    for (const { key = 'k', value = null, deviceMs = null } of patches)
      this.rows.set(key, { value, syncCount: this.syncCount, deviceMs });
  }

  calls(): Partial<Origin> {
    const exists = () => this.syncCount > this.deletedSyncCount;
    return {
      describeIdentity: async (identityId) => ({
        identityId,
        createdAt: 1,
        modifiedAt: 1,
        providers: this.providers,
      }),
      listRecords: async () => ({
        exists: exists(),
        syncCount: this.syncCount,
        lastModifiedBy: null,
        mergedNames: [],
        isConsistent: true,
        records: [...this.rows].map(([key, { value, syncCount, deviceMs }]) => ({
          key,
          value,
          version: { lastModifiedDate: NEW_YEAR + syncCount, syncCount },
          deviceLastModifiedDate: deviceMs,
          lastModifiedBy: null,
        })),
      }),
      wasDeletedAfter: async (_, count) => this.deletedSyncCount > count,
      update: async (_, patches) => {
        if (this.fail === 'before') throw new SyncClientError('unavailable', 'scripted');
        const isRefused = this.fail === 'limit' || patches.some(({ key }) => this.refuses(key));
        if (isRefused) throw new SyncClientError('limit', 'scripted');
        for (const { key, syncCount } of patches)
          if (syncCount < (this.rows.get(key)?.syncCount ?? 0)) return 'conflict';
        this.updates += 1;
        this.set(...patches);
        if (this.fail === 'after') throw new SyncClientError('unavailable', 'scripted');
        return this.syncCount;
      },
      deleteDataset: async () => {
        this.syncCount += 1;
        this.deletedSyncCount = this.syncCount;
        this.rows.clear();
        return 'deleted';
      },
    };
  }
}

type Device = ReturnType<typeof createDevice>;

describe.each(SERVICE_DATABASES)('the bridge between this service and an origin, on $name', ({ open }) => {
  let database: Database;
  let store: BridgeStore;
  let operations: SyncOperations;
  const clock = { now: Date.now() };
  const offloading = {
    links: { create: () => ({ payloadId: randomUUID(), url: 'https://payload', expiresAt: NEW_YEAR }) },
    inlineBytes: 900_000,
  };
  beforeAll(async () => {
    database = await open();
    store = createBridgeStore(database, { offloading });
    await createPool(database);
    await setBridges(database, POOL, true);
    await database.query(
      `INSERT INTO move.pools (identity_pool_id, origin, run_ms, progress) VALUES ($1, 'o', 1, '{}')`,
      [POOL],
    );
    ({ operations } = createSyncService(database));
  });
  afterAll(() => database.close());

  /**
   * Takes an identity over. Returns it with its dataset `game` at the origin (`there`) and a device of this service
   * (`here`). `prepare` runs before the takeover.
   */
  async function owned(prepare?: (sides: { there: Dataset; here: Device }) => Promise<void>) {
    const identityId = `us-east-1:${randomUUID()}`;
    const identity = { identityPoolId: POOL, identityId };
    const moves = createMoveStore(database, { offloading: null, now: () => clock.now });
    const described = { identityId, createdAt: 1, modifiedAt: 1, providers: [] };
    const about = { startedAt: 5, state: 'usable', developerProvider: undefined } as const;
    await moves.putIdentities(POOL, [described], about);
    const sides = { there: new Dataset(identityId), here: createDevice(operations, { identityId }) };
    await prepare?.(sides);
    const takeOvers = createTakeOverStore(database);
    const lease = await takeOvers.claim(identity, { now: clock.now, until: clock.now + 9_000 });
    if (typeof lease === 'string') throw new Error(lease);
    expect(await takeOvers.finish(lease, { at: clock.now, countJump: 1_048_576 })).toBe(true);
    return { ...sides, identity };
  }

  /** Runs the bridge until no dataset is due. A *mark* is a row that says that the bridge must read a dataset. */
  async function run(there: Dataset, faulty: Partial<BridgeStore> = {}, runs = 3): Promise<void> {
    const origin = scriptedOrigin(POOL, {}, there.calls());
    const listDue: BridgeStore['listDue'] = async (now, limit) =>
      (await store.listDue(now, limit)).filter(({ dataset }) => dataset.identityId === there.identityId);
    for (let index = 0; index < runs; index += 1) {
      // The dates of the marks are from the clock of the database.
      clock.now = Math.max(clock.now, Date.now()) + 10_000;
      await bridgeDue({
        store: { ...store, listDue, ...faulty },
        originOf: async () => ({ origin, paced: (call) => call() }),
        now: () => clock.now,
        onWritten: () => undefined,
      });
    }
  }
  const liveHere = async (here: Device) => {
    const { Records } = await here.list();
    return Object.fromEntries(Records.flatMap(({ Key, Value }) => (Value === null ? [] : [[Key, Value]])));
  };
  const liveThere = ({ rows }: Dataset) =>
    Object.fromEntries([...rows].flatMap(([key, { value }]) => (value === null ? [] : [[key, value]])));
  const hint = ({ identityId }: { identityId: string }) =>
    store.mark(POOL, [{ identityPoolId: POOL, identityId, datasetName: 'game' }]);
  const dueOf = async ({ identityId }: { identityId: string }) =>
    (await store.listDue(Number.MAX_SAFE_INTEGER, 1_000)).filter(
      ({ dataset }) => dataset.identityId === identityId,
    );
  const conflictsOf = async ({ identityId }: { identityId: string }) =>
    (await store.listConflicts(POOL, { after: null, limit: 1_000 })).conflicts.filter(
      (conflict) => conflict.identityId === identityId,
    );

  it('writes to each side the records that only the other side has', async () => {
    const { there, here, identity } = await owned();
    there.set({ key: 'b', value: 'there' });
    await here.update(put('a', 'here'));
    await run(there);
    for (const live of [await liveHere(here), liveThere(there)])
      expect(live).toEqual({ a: 'here', b: 'there' });
    expect(there.updates).toBe(1);
    await here.update(drop('b', (await here.list()).DatasetSyncCount));
    await run(there);
    expect(liveThere(there)).toEqual({ a: 'here' });
    await hint(identity);
    await run(there);
    expect(there.updates).toBe(2);
    expect(await dueOf(identity)).toEqual([]);
    expect(await conflictsOf(identity)).toEqual([]);
  });

  it.each(['before', 'after'] as const)(
    'stores no conflict if the bridge fails %s a write at the origin, and a device changes the same key again',
    async (fail) => {
      const { there, here, identity } = await owned();
      await here.update(put('a', '1'));
      there.fail = fail;
      await run(there, {}, 1);
      await here.update(put('a', '2', (await here.list()).DatasetSyncCount));
      there.fail = null;
      await run(there);
      expect(liveThere(there)).toEqual({ a: '2' });
      expect(await conflictsOf(identity)).toEqual([]);
      expect(await dueOf(identity)).toEqual([]);
    },
  );

  it('writes nothing twice if it is killed after a write at the origin', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    const settle = () => Promise.reject(new Error('killed'));
    await expect(run(there, { settle, postpone: settle, release: async () => undefined }, 1)).rejects.toThrow(
      'killed',
    );
    expect(there.updates).toBe(1);
    clock.now += 60_000;
    await run(there);
    expect(there.updates).toBe(1);
    expect(liveThere(there)).toEqual({ a: '1' });
    expect(await dueOf(identity)).toEqual([]);
  });

  it('ignores events about its own writes, but not events about writes of devices', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    const settle = () => Promise.reject(new Error('killed'));
    await expect(run(there, { settle, postpone: settle, release: async () => undefined }, 1)).rejects.toThrow(
      'killed',
    );
    const event = (value: string, syncCount: number) => ({
      dataset: { ...identity, datasetName: 'game' },
      version: { lastModifiedDate: NEW_YEAR, syncCount },
      removal: null,
      records: [
        {
          key: 'a',
          value,
          version: { lastModifiedDate: NEW_YEAR, syncCount },
          deviceLastModifiedDate: null,
        },
      ],
    });
    const steps: string[] = [];
    const hints = {
      ...store,
      saveOldWrite: async (pool: string, at: number) => void steps.push(`saved ${pool} ${at}`),
      mark: async (pool: string) => void steps.push(`marked ${pool}`),
    };
    await hintChange(hints, event('1', 1));
    expect(steps).toEqual([]);
    await hintChange(hints, event('2', 2));
    expect(steps).toEqual([`saved ${POOL} ${NEW_YEAR}`, `marked ${POOL}`]);
  });

  it('deletes nothing at the origin if the pool is deleted here, although a change of the dataset was marked before', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    await run(there);
    await here.update(put('b', '1'));
    await createIdentityStore(database).markDeleted(POOL, clock.now);
    await here.remove();
    expect(await dueOf(identity)).toHaveLength(1);
    await database.query('DELETE FROM identity.identities WHERE identity_id = $1', [identity.identityId]);
    await run(there);
    expect(liveThere(there)).toEqual({ a: '1' });
    expect(there.deletedSyncCount).toBe(0);
    expect(await dueOf(identity)).toEqual([]);
    await database.query('UPDATE sync.identity_pools SET deleted_ms = NULL WHERE identity_pool_id = $1', [
      POOL,
    ]);
    await setBridges(database, POOL, true);
  });

  it('deletes the dataset of an identity at the origin after the identity was deleted here, and stores nothing here', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    await run(there);
    for (const table of ['identity.identities', 'sync.identities'])
      await database.query(`DELETE FROM ${table} WHERE identity_id = $1`, [identity.identityId]);
    await hint(identity);
    await run(there);
    expect(there.deletedSyncCount).toBe(there.syncCount);
    const { rows } = await database.query('SELECT 1 FROM sync.identities WHERE identity_id = $1', [
      identity.identityId,
    ]);
    expect(rows).toEqual([]);
    expect(await dueOf(identity)).toEqual([]);
  });

  it('deletes a dataset on each side after it was deleted on the other side', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    await run(there);
    await here.remove();
    await run(there);
    expect(there.deletedSyncCount).toBe(there.syncCount);
    await here.update(put('b', '1'));
    await run(there);
    expect(liveThere(there)).toEqual({ b: '1' });
    await there.calls().deleteDataset?.({ ...identity, datasetName: 'game' }, 0);
    await hint(identity);
    await run(there);
    expect((await here.list()).DatasetExists).toBe(false);
    expect(await conflictsOf(identity)).toEqual([]);
  });

  it('keeps a record of the origin if its removal here had no effect', async () => {
    const { there, here, identity } = await owned();
    there.set({ key: 'a', value: 'there' });
    // The record is not here yet, so nothing is stored of its removal, although the dataset now exists.
    await here.update(drop('a', 0));
    await run(there);
    for (const live of [await liveHere(here), liveThere(there)]) expect(live).toEqual({ a: 'there' });
    expect(there.updates).toBe(0);
    expect(await conflictsOf(identity)).toEqual([]);
  });

  it('stores a conflict if a key was changed on both sides, and lets the newest device date win on both', async () => {
    const { there, here, identity } = await owned();
    await here.update({ ...put('a', 'older'), DeviceLastModifiedDate: NEW_YEAR - 9_000 });
    there.set({ key: 'a', value: 'newer', deviceMs: NEW_YEAR - 1_000 });
    await run(there);
    expect(await liveHere(here)).toEqual({ a: 'newer' });
    expect(liveThere(there)).toEqual({ a: 'newer' });
    expect(await conflictsOf(identity)).toMatchObject([{ key: 'a', kind: 'changed', winner: 'there' }]);
  });

  it('removes the stored conflicts and pending keys of an identity that was deleted here', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('k', 'here'));
    there.set({ key: 'k', value: 'there' });
    await run(there);
    expect(await conflictsOf(identity)).toHaveLength(1);
    await database.query(
      `INSERT INTO move.pending (dataset_id, record_id, record_key, here_count, after_there)
       VALUES ($1::uuid, $1::uuid, 'k', 1, 1)`,
      [datasetId({ ...identity, datasetName: 'game' })],
    );
    await database.query('DELETE FROM identity.identities WHERE identity_id = $1', [identity.identityId]);
    await hint(identity);
    await run(there);
    expect(await conflictsOf(identity)).toEqual([]);
    const { rows } = await database.query('SELECT 1 FROM move.pending WHERE dataset_id = $1', [
      datasetId({ ...identity, datasetName: 'game' }),
    ]);
    expect(rows).toEqual([]);
  });

  it('retries a write that the origin rejected, and stores the reason', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    there.fail = 'limit';
    await run(there);
    expect(await dueOf(identity)).toMatchObject([{ attempts: 1 }]);
    expect((await store.count(POOL)).problems).toBeGreaterThan(0);
    there.fail = null;
    clock.now += 3_700_000;
    await run(there);
    expect(liveThere(there)).toEqual({ a: '1' });
  });

  it.each([
    [new TypeError('unexpected'), 'failed', 10_000],
    [new SyncClientError('not-authorized', 'UpdateRecords'), 'not-authorized', 3_700_000],
  ])('postpones a dataset after %s, and bridges the other datasets', async (error, problem, pause) => {
    const [bad, good] = [await owned(), await owned()];
    for (const { here } of [bad, good]) await here.update(put('a', '1'));
    const broken = { ...bad.there.calls(), update: () => Promise.reject(error) };
    const problems: unknown[] = [];
    const once = (calls: Partial<Origin>, identityId: string) =>
      bridgeDue({
        store: {
          ...store,
          listDue: async (now, limit) =>
            (await store.listDue(now, limit)).filter(({ dataset }) => dataset.identityId === identityId),
        },
        originOf: async () => ({ origin: scriptedOrigin(POOL, {}, calls), paced: (call) => call() }),
        now: () => clock.now,
        onWritten: () => undefined,
        onProblem: (about) => problems.push(about),
      });
    clock.now = Math.max(clock.now, Date.now()) + 10_000;
    const id = bad.identity.identityId;
    expect(await once(broken, id)).toEqual({ bridged: 0, postponed: 1 });
    expect(problems).toEqual([{ identityPoolId: POOL, problem, error }]);
    expect((await store.count(POOL)).byProblem).toMatchObject({ [problem]: 1 });
    // The failed pass has released its lease on the dataset, so the next pass does not wait until the lease expires.
    clock.now += pause;
    expect(await once(bad.there.calls(), id)).toEqual({ bridged: 1, postponed: 0 });
    expect(liveThere(bad.there)).toEqual({ a: '1' });
    await run(good.there);
    expect(liveThere(good.there)).toEqual({ a: '1' });
  });

  it('moves records that are written at the origin for a merged identity to the surviving identity, even long after the merge', async () => {
    const [{ there, here, identity }, into] = [await owned(), await owned()];
    await here.update(put('a', '1'));
    await run(there);
    const [from, root] = [identity.identityId, into.identity.identityId];
    await database.query('UPDATE identity.identities SET merged_into = $2 WHERE identity_id = $1', [
      from,
      root,
    ]);
    there.set({ key: 'b', value: 'late' });
    await hint(identity);
    await run(there);
    const pending = (await createMergeStore(database).listPending(null, 1_000)).find(
      (merge) => merge.from.identityId === from,
    );
    if (!pending) throw new Error('no pending merge');
    expect(pending).toMatchObject({ into: root });
    await createMerger(database)(pending);
    const moved = createDevice(operations, { identityId: root, datasetName: `game.${from}` });
    expect(await liveHere(moved)).toMatchObject({ b: 'late' });
  });

  describe('for an identity that was merged here', () => {
    const at = (record: ReturnType<typeof put>, deviceMs: number) => ({
      ...record,
      DeviceLastModifiedDate: deviceMs,
    });
    const day = 24 * 60 * 60 * 1000;

    /**
     * Creates an identity whose dataset has these records on both sides. `link` merges it into another identity, which
     * then has `copy`, the copy of the dataset. `arrive` lets the bridge apply what the origin got after the merge.
     */
    async function merged(records: readonly (readonly [key: string, value: string, deviceMs: number])[]) {
      const [from, into] = [await owned(), await owned()];
      for (const [key, value, deviceMs] of records) await from.here.update(at(put(key, value), deviceMs));
      await run(from.there);
      const [id, root] = [from.identity.identityId, into.identity.identityId];
      const merge = { from: from.identity, into: root, mergedAt: Date.now() };
      const move = () =>
        createMerger(
          database,
          { now: Date.now() },
          {
            merges: createMergeStore(database, {
              choose: createMergedRecords({ now: () => clock.now }),
            }),
          },
        )(merge);
      const link = async () => {
        const statement = 'UPDATE identity.identities SET merged_into = $2 WHERE identity_id = $1';
        await database.query(statement, [id, root]);
        await move();
      };
      const copy = createDevice(operations, { identityId: root, datasetName: `game.${id}` });
      const arrive = async () => {
        await hint(from.identity);
        await run(from.there);
        await move();
      };
      return { ...from, root: into.identity, link, copy, arrive };
    }

    it('keeps a newer record of the copy, and lists the older record that the origin got after the merge as a conflict', async () => {
      const { there, here, root, link, copy, arrive } = await merged([['a', '1', NEW_YEAR - 3 * day]]);
      await here.update(at(put('a', 'newer', (await here.list()).DatasetSyncCount), NEW_YEAR - day));
      await link();
      there.set({ key: 'a', value: 'late', deviceMs: NEW_YEAR - 2 * day });
      await arrive();
      expect(await liveHere(copy)).toEqual({ a: 'newer' });
      const dates = { hereMs: NEW_YEAR - day, thereMs: NEW_YEAR - 2 * day };
      expect(await conflictsOf(root)).toMatchObject([
        { key: 'a', kind: 'changed', winner: 'here', ...dates },
      ]);
    });

    it('replaces an older record of the copy with one that the origin got after the merge, and lists a conflict', async () => {
      const { there, root, link, copy, arrive } = await merged([['a', '1', NEW_YEAR - 3 * day]]);
      await link();
      await copy.update(at(put('a', 'older', (await copy.list()).DatasetSyncCount), NEW_YEAR - 2 * day));
      there.set({ key: 'a', value: 'late', deviceMs: NEW_YEAR - day });
      await arrive();
      expect(await liveHere(copy)).toEqual({ a: 'late' });
      expect(await conflictsOf(root)).toMatchObject([{ key: 'a', winner: 'there' }]);
    });

    it('removes a record from the copy if it was removed at the origin after the merge, unless the record is newer than that', async () => {
      const { there, root, link, copy, arrive } = await merged([
        ['a', '1', NEW_YEAR - 3 * day],
        ['b', '1', NEW_YEAR - 3 * day],
        ['c', '1', NEW_YEAR - day],
      ]);
      await link();
      const deviceMs = NEW_YEAR - 2 * day;
      there.set({ key: 'a', value: null, deviceMs }, { key: 'c', value: null, deviceMs });
      await arrive();
      expect(await liveHere(copy)).toEqual({ b: '1', c: '1' });
      expect((await conflictsOf(root)).map(({ key, winner }) => [key, winner]).sort()).toEqual([
        ['a', 'there'],
        ['c', 'here'],
      ]);
    });

    it('does not add a record that the origin got after the merge to the copy if its removal here has a later date', async () => {
      const { there, here, root, link, copy, arrive } = await merged([
        ['a', '1', NEW_YEAR - 3 * day],
        ['b', '1', NEW_YEAR - 3 * day],
      ]);
      await here.update(at(drop('a', (await here.list()).DatasetSyncCount), NEW_YEAR - day));
      await link();
      there.set({ key: 'a', value: 'late', deviceMs: NEW_YEAR - 2 * day });
      await arrive();
      expect(await liveHere(copy)).toEqual({ b: '1' });
      expect(await conflictsOf(root)).toMatchObject([{ key: 'a', winner: 'here' }]);
    });

    it('keeps the copy if the original dataset was deleted at the origin, and lists the deletion as a conflict', async () => {
      const { there, identity, link, copy, arrive } = await merged([['a', '1', NEW_YEAR]]);
      await link();
      await there.calls().deleteDataset?.({ ...identity, datasetName: 'game' }, 1);
      await arrive();
      await arrive();
      expect(await liveHere(copy)).toEqual({ a: '1' });
      expect(await conflictsOf(identity)).toMatchObject([{ key: null, kind: 'deleted', winner: 'here' }]);
    });

    it('lists no conflict for the deletion of the original dataset if the identities were merged at the origin, too', async () => {
      const { there, identity, link, arrive } = await merged([['a', '1', NEW_YEAR]]);
      await link();
      await there.calls().deleteDataset?.({ ...identity, datasetName: 'game' }, 1);
      there.providers = [];
      await arrive();
      expect(await conflictsOf(identity)).toEqual([]);
    });

    it('compares a record that the origin got after the merge with one that a device wrote here and no merge has moved yet', async () => {
      const { there, here, identity, link, copy, arrive } = await merged([['a', '1', NEW_YEAR - 3 * day]]);
      await link();
      // The device can still write: the credentials of the merged identity are valid until they expire.
      await here.update(at(put('a', 'newer', (await here.list()).DatasetSyncCount), NEW_YEAR - day));
      there.set({ key: 'a', value: 'late', deviceMs: NEW_YEAR - 2 * day });
      await arrive();
      expect(await liveHere(copy)).toEqual({ a: 'newer' });
      expect(await conflictsOf(identity)).toMatchObject([{ key: 'a', winner: 'here' }]);
    });
  });

  it('finds a change that the takeover missed because the event of a later change arrived first', async () => {
    const { there, here } = await owned(async (sides) => {
      await sides.here.update(put('b', '1'));
      await sides.here.update(put('b', '2', 1));
      sides.there.set({ key: 'a', value: '1' });
      sides.there.set({ key: 'b', value: '2' });
      // Simulates a replica: its rows come from events of the origin, which make no marks.
      await deleteRows(database, ['sync.unbridged_datasets']);
    });
    await run(there);
    for (const live of [await liveHere(here), liveThere(there)]) expect(live).toEqual({ a: '1', b: '2' });
  });

  it('writes the other keys of a call if the origin refuses one key', async () => {
    const { there, here, identity } = await owned();
    there.refuses = (key) => key === 'k7';
    const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
    await here.update(...keys.map((key) => put(key, 'v')));
    await run(there);
    expect(Object.keys(liveThere(there)).toSorted()).toEqual(keys.filter((key) => key !== 'k7').toSorted());
    expect(await dueOf(identity)).toMatchObject([{ attempts: 1 }]);
  });

  it('writes the other keys to both sides although the origin refuses more keys than one pass may write', async () => {
    const { there, here } = await owned();
    const old = Array.from({ length: 50 }, (_, index) => `old${index}`);
    await here.update(...old.map((key) => put(key, 'v')));
    await run(there);
    there.refuses = (key) => key.startsWith('new');
    await here.update(...Array.from({ length: 700 }, (_, index) => put(`new${index}`, 'v')));
    await run(there);
    const { DatasetSyncCount } = await here.list();
    await here.update(...old.map((key) => drop(key, DatasetSyncCount)));
    there.set({ key: 't', value: 'there' });
    await run(there);
    expect(liveThere(there)).toEqual({ t: 'there' });
    const live = await liveHere(here);
    expect(live.t).toBe('there');
    expect(Object.keys(live)).toHaveLength(701);
  });

  it('bridges more keys than one pass may write', async () => {
    const { there, here, identity } = await owned();
    there.set(...Array.from({ length: 1_500 }, (_, index) => ({ key: `k${index}`, value: 'v' })));
    await here.update(...Array.from({ length: 900 }, (_, index) => put(`h${index}`, 'v')));
    await run(there);
    expect(Object.keys(liveThere(there))).toHaveLength(2_400);
    expect(await liveHere(here)).toEqual(liveThere(there));
    expect(await dueOf(identity)).toEqual([]);
    expect(await conflictsOf(identity)).toEqual([]);
  });

  it('keeps the mark of a dataset while its identity is being taken over, and removes it afterwards', async () => {
    const identity = { identityPoolId: POOL, identityId: `us-east-1:${randomUUID()}` };
    const moves = createMoveStore(database, { offloading: null, now: () => clock.now });
    const described = { identityId: identity.identityId, createdAt: 1, modifiedAt: 1, providers: [] };
    const about = { startedAt: 5, state: 'usable', developerProvider: undefined } as const;
    await moves.putIdentities(POOL, [described], about);
    const takeOvers = createTakeOverStore(database);
    clock.now = Math.max(clock.now, Date.now()) + 10_000;
    const lease = await takeOvers.claim(identity, { now: clock.now, until: clock.now + 60_000 });
    if (typeof lease === 'string') throw new Error(lease);
    const there = new Dataset(identity.identityId);
    await store.mark(POOL, [{ ...identity, datasetName: 'game' }]);
    await run(there, {}, 1);
    expect(await dueOf(identity)).toMatchObject([{ attempts: 1 }]);
    await takeOvers.release(lease);
    await run(there, {}, 1);
    expect(await dueOf(identity)).toEqual([]);
  });

  it('postpones all datasets of a pool for a minute if the credentials for the origin are invalid', async () => {
    const sides = [await owned(), await owned(), await owned()];
    for (const { here } of sides) await here.update(put('a', '1'));
    const ids = new Set(sides.map(({ identity }) => identity.identityId));
    let calls = 0;
    const failing = async () => {
      calls += 1;
      throw new SyncClientError('credentials', 'expired');
    };
    clock.now = Math.max(clock.now, Date.now()) + 10_000;
    const due = async () =>
      (await store.listDue(clock.now, 1_000)).filter(({ dataset }) => ids.has(dataset.identityId));
    const marks = await due();
    await bridgeDue({
      store: { ...store, listDue: async () => marks },
      originOf: async () => {
        const origin = scriptedOrigin(POOL, {}, { listRecords: failing });
        return { origin, paced: (call) => call() };
      },
      now: () => clock.now,
      onWritten: () => undefined,
    });
    // The bridge has several workers, which start at the same time. So each may call before the first failure is known.
    expect(calls).toBeLessThanOrEqual(3);
    expect(await due()).toEqual([]);
    clock.now += 60_000;
    expect(await due()).toHaveLength(3);
  });

  it('resets the count of failed attempts of a dataset after a success, even if the dataset changed during the successful attempt', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    there.fail = 'limit';
    await run(there);
    there.fail = null;
    await hint(identity);
    expect(await dueOf(identity)).toMatchObject([{ attempts: 1 }]);
    await run(
      there,
      {
        decide: async (lease, mark, about) => {
          await hint(identity);
          return store.decide(lease, mark, about);
        },
      },
      1,
    );
    expect(await dueOf(identity)).toMatchObject([{ attempts: 0 }]);
  });

  it('keeps the marks of a pool whose migration was finished, but does not try these datasets again', async () => {
    const { there, here, identity } = await owned();
    await here.update(put('a', '1'));
    clock.now = Math.max(clock.now, Date.now()) + 10_000;
    const marks = (await store.listDue(clock.now, 1_000)).filter(
      ({ dataset }) => dataset.identityId === identity.identityId,
    );
    const outcome = await bridgeDue({
      store: { ...store, listDue: async () => marks },
      originOf: async () => 'finished',
      now: () => clock.now,
      onWritten: () => undefined,
      onProblem: (about) => expect(about).toBeUndefined(),
    });
    expect(outcome).toEqual({ bridged: 0, postponed: 1 });
    expect((await store.count(POOL)).byProblem).toMatchObject({ finished: 1 });
    clock.now += 365 * 24 * 3_600_000;
    expect((await store.listDue(clock.now, 1_000)).map(({ markId }) => markId)).not.toContain(
      marks[0]?.markId,
    );
    clock.now = Date.now();
    await hint(identity);
    await run(there);
    expect(liveThere(there)).toEqual({ a: '1' });
  });
});
