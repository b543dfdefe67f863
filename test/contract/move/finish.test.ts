import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { bridgeDue } from '../../../lib/move/bridge.ts';
import { copyPool } from '../../../lib/move/copy.ts';
import { type FinishOptions, finishPool } from '../../../lib/move/finish.ts';
import { followBatch } from '../../../lib/move/follow.ts';
import { hintChange } from '../../../lib/move/hint-changes.ts';
import type { BridgeStore } from '../../../lib/move/ports/bridge-store.ts';
import type { MoveStore } from '../../../lib/move/ports/move-store.ts';
import type { Origin, OriginIdentity, OriginListing, OriginPatch } from '../../../lib/move/ports/origin.ts';
import type { TakeOverStore } from '../../../lib/move/ports/take-over-store.ts';
import { createBridgeStore } from '../../../lib/move/store/bridge-store.ts';
import { createFinishStore } from '../../../lib/move/store/finish-store.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../../lib/move/store/take-over-store.ts';
import { takeOverAll } from '../../../lib/move/take-over-pool.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { createIdentityService, login } from '../../fixtures/identity/identity-service.ts';
import {
  deliver,
  readDeliveries,
  toBytes,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';
import { createSyncService, DEVELOPER, put } from '../../fixtures/sync/sync-service.ts';
import { CREATED_AT, failure, listingOf, scriptedOrigin } from './scripted-origin.ts';

const MINUTE = 60_000;
const OFFLOADING = {
  links: { create: () => ({ payloadId: randomUUID(), url: 'https://payload', expiresAt: 0 }) },
  inlineBytes: 900_000,
};

describe.each(SERVICE_DATABASES)('the end of a migration on $name', ({ open }) => {
  let database: Database;
  let store: MoveStore;
  let bridge: BridgeStore;
  let takeOvers: TakeOverStore;
  // The database's clock dates the marks, which tell the bridge what changed. So the test starts at the current time.
  let now = Date.now();
  beforeAll(async () => {
    database = await open();
    store = createMoveStore(database, { offloading: null, now: () => now });
    bridge = createBridgeStore(database, { offloading: OFFLOADING });
    takeOvers = createTakeOverStore(database);
  });
  afterAll(() => database.close());

  const newId = () => `us-east-1:${randomUUID()}`;
  const sleep = async (ms: number) => {
    now += ms;
  };

  /** Copies a pool with identities that have a dataset each. All events of the origin are applied. */
  async function copied(datasets: Record<string, OriginListing>[], calls: Partial<Origin> = {}) {
    const identityPoolId = newId();
    const identities = datasets.map((of) => [newId(), of] as const);
    const origin = scriptedOrigin(identityPoolId, Object.fromEntries(identities), calls);
    const copy = () =>
      copyPool(
        { origin, store, limits: DEFAULT_LIMITS, maxCallsPerSecond: 1_000, now: () => now, sleep },
        { identityPoolId, holder: 'test' },
      );
    expect(await copy()).toMatchObject({ end: 'finished' });
    now += 10 * MINUTE;
    await store.saveCaughtUp(identityPoolId, { upTo: now, retentionMs: 24 * 60 * MINUTE });
    return { identityPoolId, ids: identities.map(([id]) => id), origin, copy };
  }
  const run = (identityPoolId: string, origin: Origin) =>
    bridgeDue({
      store: {
        ...bridge,
        listDue: async (at, limit) =>
          (await bridge.listDue(at, limit)).filter(
            ({ dataset }) => dataset.identityPoolId === identityPoolId,
          ),
      },
      originOf: async () => ({ origin, paced: (call) => call() }),
      now: () => now,
      onWritten: () => undefined,
    });
  async function finish(
    identityPoolId: string,
    origin: Origin,
    given: Partial<FinishOptions> = {},
    isBridging = () => true,
  ) {
    const pool = await store.readPool(identityPoolId, now);
    if (pool === null) throw new Error('no pool');
    const report = await finishPool(
      {
        origin,
        store,
        takeOvers,
        bridge,
        finishes: createFinishStore(database),
        limits: DEFAULT_LIMITS,
        now: () => now,
        // The bridge of the service runs in the meantime.
        async sleep(ms) {
          now = Math.max(now + ms, Date.now());
          if (isBridging()) await run(identityPoolId, origin);
        },
        random: () => 0,
        maxCallsPerSecond: 1_000,
      },
      {
        pool,
        quietForMs: 5 * MINUTE,
        ignored: new Set(),
        isDryRun: false,
        signal: new AbortController().signal,
        ...given,
      },
    );
    return { ...report, pool: await store.readPool(identityPoolId, now) };
  }
  const eventOf = (identityPoolId: string, identityId: string, syncCount: number, at: number) =>
    wireEvent({
      identityPoolId,
      identityId,
      datasetName: 'game',
      lastModifiedDate: at,
      syncCount,
      kinesisSyncRecords: [wireRecord({ key: 'k1', value: 'v', syncCount, lastModifiedDate: at })],
    });
  const follow = async (origin: Origin, event: ReturnType<typeof wireEvent>) =>
    followBatch(
      {
        store,
        origin,
        keepRemovalVersion: createQueryStore(database).keepRemovalVersion,
        onRefused: (_, reason) => expect(reason).toBe(''),
        onKept: (change) => hintChange(bridge, change),
        now: () => now,
      },
      await readDeliveries([deliver(toBytes(event), now)]),
    );
  const isMoving = async (pool: string) =>
    (await takeOvers.listMoving()).some(({ identityPoolId }) => identityPoolId === pool);

  it('takes over the remaining replicas, waits until the bridge has compared their datasets, and ends the migration once', async () => {
    const { identityPoolId, ids, origin } = await copied([
      { game: listingOf(1, 2) },
      { game: listingOf(3) },
      {},
    ]);
    const report = await finish(identityPoolId, origin);
    expect(report).toMatchObject({
      outcome: 'finished',
      reasons: [],
      takenOver: 3,
      uncompared: 0,
      left: { replicas: 0, bridge: { marks: 0, owedKeys: 0, datasets: 2 }, waiting: [], differences: [] },
    });
    expect(report.finishedAt).toBe(report.pool?.finishedAt);
    expect(report.finishedAt).not.toBeNull();
    expect(await isMoving(identityPoolId)).toBe(false);
    const dataset = { IdentityPoolId: identityPoolId, IdentityId: ids[0] ?? '', DatasetName: 'game' };
    const { operations } = createSyncService(database);
    const { DatasetSyncCount, SyncSessionToken } = await operations.ListRecords(dataset, DEVELOPER);
    const update = { ...dataset, SyncSessionToken, RecordPatches: [put('k2', 'later', DatasetSyncCount)] };
    await operations.UpdateRecords(update, DEVELOPER);
    expect(await bridge.count(identityPoolId)).toMatchObject({ marks: 0 });
    expect(await finish(identityPoolId, origin)).toMatchObject({
      outcome: 'already-finished',
      takenOver: 0,
      finishedAt: report.finishedAt,
    });
  });

  describe('while devices change a dataset here all the time', () => {
    /**
     * An old version is a version of the app that still uses the origin.
     *
     * @param about `isFull`: whether the origin rejects the bridge's writes. `isChangedThere`: whether an old version
     *   writes last. `isWrittenLate`: whether an old version writes after the last time the command has read this
     *   dataset. `keyThere`: a key that an old version writes while the bridge writes. `atLast`: called before the
     *   command reads this dataset for the last time
     */
    async function finishUsed({
      isFull = false,
      isChangedThere = false,
      isWrittenLate = false,
      keyThere = '',
      atLast,
    }: {
      isFull?: boolean;
      isChangedThere?: boolean;
      isWrittenLate?: boolean;
      keyThere?: string;
      atLast?: (used: {
        identityId: string;
        there: { game: OriginListing };
        deleteHere: () => Promise<unknown>;
      }) => Promise<unknown> | undefined;
    } = {}) {
      const there = { game: listingOf(1) };
      const { identityPoolId, ids, origin } = await copied([there]);
      const [identityId = ''] = ids;
      const dataset = { IdentityPoolId: identityPoolId, IdentityId: identityId, DatasetName: 'game' };
      const { operations } = createSyncService(database);
      const writeHere = async () => {
        const listed = await operations.ListRecords(dataset, DEVELOPER);
        const count = listed.Records?.find(({ Key }) => Key === 'k1')?.SyncCount;
        const RecordPatches = [put('k1', `${listed.DatasetSyncCount}`, count)];
        await operations.UpdateRecords(
          { ...dataset, SyncSessionToken: listed.SyncSessionToken, RecordPatches },
          DEVELOPER,
        );
      };
      const writeThere = (patches: readonly Pick<OriginPatch, 'key' | 'value'>[]) => {
        const syncCount = there.game.syncCount + 1;
        const version = { lastModifiedDate: now, syncCount };
        const dates = { version, deviceLastModifiedDate: null, lastModifiedBy: 'author' };
        const keys = new Set(patches.map(({ key }) => key));
        const others = there.game.records.filter(({ key }) => !keys.has(key));
        const written = patches.map(({ key, value }) => ({ key, value, ...dates }));
        there.game = { ...there.game, syncCount, records: [...others, ...written] };
        return syncCount;
      };
      let lists = 0;
      const used: Origin = {
        ...origin,
        async listIdentities(...about) {
          lists += 1;
          // The command lists the identities before the comparison, after the takeover, and after the comparison.
          if (lists > 1) await writeHere();
          if (lists === 3 && isChangedThere) writeThere([{ key: 'k9', value: 'old' }]);
          const deleteHere = () => operations.DeleteDataset(dataset, DEVELOPER);
          if (lists === 3) await atLast?.({ identityId, there, deleteHere });
          return origin.listIdentities(...about);
        },
        async listRecords(key) {
          const listing = await origin.listRecords(key);
          if (isWrittenLate && lists === 3) {
            const syncCount = writeThere([{ key: 'k1', value: 'v' }]);
            await follow(origin, eventOf(identityPoolId, identityId, syncCount, now));
          }
          return listing;
        },
        async update(_, patches) {
          if (isFull) throw failure('limit');
          const isKeyThere = there.game.records.some(({ key }) => key === keyThere);
          if (keyThere !== '' && !isKeyThere) writeThere([{ key: keyThere, value: 'old' }]);
          await writeHere();
          return writeThere(patches);
        },
      };
      const isBridging = () => !(isChangedThere && lists === 3);
      return finish(identityPoolId, used, { quietForMs: 0 }, isBridging);
    }

    it('ends the migration even if the bridge has not yet sent the last change, which then exists only at this service', async () => {
      const report = await finishUsed();
      expect(report).toMatchObject({ outcome: 'finished', reasons: [], left: { differences: [] } });
      expect(report.left.waiting).toMatchObject([{ datasetName: 'game', problem: null }]);
    });

    it('does not end the migration if the origin has another change of this dataset', async () => {
      expect((await finishUsed({ isChangedThere: true })).reasons).toContain('waiting');
    });

    it('does not end the migration if an old version writes in the last seconds, even if no quiet period is required', async () => {
      expect(await finishUsed({ isWrittenLate: true })).toMatchObject({
        outcome: 'refused',
        reasons: ['not-quiet'],
      });
    });

    it('does not end the migration if the dataset or the identity was deleted here, but not at the origin yet', async () => {
      const deleted = await finishUsed({ atLast: ({ deleteHere }) => deleteHere() });
      expect(deleted.reasons).toContain('waiting');
      const erased = await finishUsed({
        atLast: ({ identityId }) => createIdentityStore(database).deleteIdentity(identityId, now),
      });
      expect(erased.reasons).toContain('waiting');
    });

    it('does not end the migration if the sync counts of the dataset restarted at the origin', async () => {
      const restart = ({ there }: { there: { game: OriginListing } }) => {
        there.game = listingOf(1);
        return undefined;
      };
      expect((await finishUsed({ atLast: restart })).reasons).toContain('waiting');
    });

    it('does not end the migration if the origin has a key that this service cannot store', async () => {
      expect(await finishUsed({ keyThere: 'k\u0000' })).toMatchObject({
        outcome: 'refused',
        left: { differences: [{ datasetName: 'game', kind: 'values' }] },
      });
    });

    it('does not end the migration if the origin rejects the changes that the bridge sends', async () => {
      expect((await finishUsed({ isFull: true })).reasons).toContain('waiting');
    });
  });

  it('refuses to end the migration while old versions of the app may still write, and changes nothing', async () => {
    const { identityPoolId, origin } = await copied([{ game: listingOf(1) }]);
    await store.saveOldWrite(identityPoolId, now - 4 * MINUTE);
    await store.saveOldWrite(identityPoolId, now - 9 * MINUTE);
    expect(await finish(identityPoolId, origin)).toMatchObject({
      outcome: 'refused',
      reasons: ['not-quiet'],
      lastOldWrite: now - 4 * MINUTE,
      takenOver: 0,
      left: { replicas: 1, differences: null },
      pool: { finishedAt: null },
    });
    now += 11 * MINUTE;
    await store.saveGap(identityPoolId, now);
    expect((await finish(identityPoolId, origin)).reasons).toEqual(['events-missing', 'not-followed']);
    expect(await isMoving(identityPoolId)).toBe(true);
  });

  it('changes nothing in a dry run, and reports what would prevent the end of the migration', async () => {
    const datasets = { game: listingOf(1) };
    const { identityPoolId, ids, origin } = await copied([datasets]);
    const dryRun = () => finish(identityPoolId, origin, { isDryRun: true });
    expect(await dryRun()).toMatchObject({ outcome: 'would-finish', reasons: [], left: { replicas: 1 } });
    datasets.game = listingOf(1, 2);
    expect(await dryRun()).toMatchObject({
      outcome: 'refused',
      reasons: ['differences'],
      left: { differences: [{ identityId: ids[0], datasetName: 'game', kind: 'values', records: 1 }] },
      pool: { finishedAt: null, verifiedAt: null },
    });
  });

  it('ends the migration without a response of the origin if the options ignore that reason; a later copy restarts the bridge', async () => {
    const { identityPoolId, ids, origin, copy } = await copied([{ game: listingOf(1) }]);
    const broken: Origin = { ...origin, readPool: () => Promise.reject(failure('refused')) };
    await expect(finish(identityPoolId, broken)).rejects.toMatchObject({ condition: 'refused' });
    expect(
      await finish(identityPoolId, broken, { ignored: new Set(['origin', 'replicas', 'waiting']) }),
    ).toMatchObject({
      outcome: 'finished',
      reasons: ['origin', 'replicas'],
      takenOver: 1,
      uncompared: 1,
      left: { replicas: 0, waiting: [{ identityId: ids[0], datasetName: 'game', problem: null }] },
    });
    now += MINUTE;
    expect(await run(identityPoolId, origin)).toEqual({ bridged: 0, postponed: 0 });
    expect(await bridge.count(identityPoolId)).toMatchObject({ marks: 1 });
    expect(await copy()).toMatchObject({ end: 'finished' });
    expect(await store.readPool(identityPoolId, now)).toMatchObject({ finishedAt: null });
    now = Math.max(now, Date.now()) + MINUTE;
    expect(await run(identityPoolId, origin)).toEqual({ bridged: 1, postponed: 0 });
  });

  it('does not end the migration while a copy runs, even if the reason `busy` is ignored', async () => {
    const { identityPoolId, origin } = await copied([{}]);
    const about = { origin: 'scripted', holder: 'copy', now, until: now + 5 * MINUTE };
    const lease = await store.takeLease(identityPoolId, about);
    if (!('leaseId' in lease)) throw new Error('in use');
    expect(await finish(identityPoolId, origin, { ignored: new Set(['busy']) })).toMatchObject({
      outcome: 'refused',
      reasons: ['busy', 'busy'],
      pool: { finishedAt: null },
    });
    await store.releaseLease(lease);
    expect(await finish(identityPoolId, origin)).toMatchObject({ outcome: 'finished' });
  });

  it('does not count identities that were deleted here as replicas', async () => {
    const { identityPoolId, ids, origin } = await copied([{}, { game: listingOf(1) }]);
    await createIdentityStore(database).deleteIdentity(ids[1] ?? '', now);
    expect(await finish(identityPoolId, origin)).toMatchObject({
      outcome: 'finished',
      takenOver: 1,
      left: { replicas: 0 },
    });
  });

  describe('if identities changed at the origin after the last copy', () => {
    const described = (identityId: string, ...providers: string[]): OriginIdentity => ({
      identityId,
      createdAt: CREATED_AT,
      modifiedAt: CREATED_AT,
      providers,
    });
    const google = 'accounts.google.com';

    it('does not end the migration if a login was added at the origin that was never used here', async () => {
      const providersOf = new Map<string, readonly string[]>();
      const describeIdentity = async (id: string) => described(id, ...(providersOf.get(id) ?? []));
      const { identityPoolId, ids, origin } = await copied([{}, {}], { describeIdentity });
      const listIdentities = async () => ({
        items: await Promise.all(ids.map(describeIdentity)),
        next: null,
      });
      const changed = { ...origin, listIdentities };
      const [guest = '', user = ''] = ids;
      await store.putDeveloperUsers({ identityPoolId, identityId: user }, google, ['ada']);
      providersOf.set(user, [google]);
      await takeOverAll(
        { origin, store, takeOvers, limits: DEFAULT_LIMITS, now: () => now, sleep, maxCallsPerSecond: 1_000 },
        { identityPoolId, identityId: null },
      );
      expect(await finish(identityPoolId, changed, { isDryRun: true })).toMatchObject({ reasons: [] });

      providersOf.set(guest, [google]).set(user, [google, 'graph.facebook.com']);
      const refused = {
        reasons: ['unknown-logins'],
        left: { unknownLogins: 2, unknownLoginIdentities: expect.arrayContaining([guest, user]) },
        pool: { finishedAt: null },
      };
      expect(await finish(identityPoolId, changed, { isDryRun: true })).toMatchObject(refused);
      expect(await finish(identityPoolId, changed)).toMatchObject(refused);
      // From now on, this service no longer gives credentials for only the guest's id either.
      const stored = await createIdentityStore(database).readIdentity(guest);
      expect(stored?.providers).toEqual([google]);
      const ignored = { ignored: new Set(['unknown-logins'] as const) };
      expect(await finish(identityPoolId, changed, ignored)).toMatchObject({ outcome: 'finished' });
    });

    it('names the identity of a login that was unlinked only here', async () => {
      const describeIdentity = async (id: string) => described(id, google);
      const { identityPoolId, ids, origin } = await copied([{}], { describeIdentity });
      const [user = ''] = ids;
      const changed: Origin = {
        ...origin,
        listIdentities: async () => ({ items: [described(user, google)], next: null }),
      };
      await store.putDeveloperUsers({ identityPoolId, identityId: user }, google, ['ada']);
      await takeOverAll(
        { origin, store, takeOvers, limits: DEFAULT_LIMITS, now: () => now, sleep, maxCallsPerSecond: 1_000 },
        { identityPoolId, identityId: null },
      );
      expect(await finish(identityPoolId, changed, { isDryRun: true })).toMatchObject({ reasons: [] });
      const { UnlinkIdentity } = createIdentityService(database).operations;
      await UnlinkIdentity({ IdentityId: user, Logins: login('ada'), LoginsToRemove: [google] });
      const named = {
        reasons: ['unknown-logins'],
        left: { unknownLogins: 1, unknownLoginIdentities: [user] },
      };
      expect(await finish(identityPoolId, changed, { isDryRun: true })).toMatchObject(named);
      expect(await finish(identityPoolId, changed)).toMatchObject(named);
    });

    it('names at most as many identities with unknown logins as the caller asks for', async () => {
      const describeIdentity = async (id: string) => described(id, google);
      const { identityPoolId, ids } = await copied([{}, {}], {
        describeIdentity,
        listIdentities: async () => ({ items: [], next: null }),
      });
      const about = { startedAt: now, state: 'usable', developerProvider: undefined } as const;
      await store.putIdentities(
        identityPoolId,
        ids.map((id) => described(id, google)),
        about,
      );
      const { countUnknownLogins, listUnknownLogins } = createFinishStore(database);
      expect(await countUnknownLogins(identityPoolId)).toBe(2);
      expect(await listUnknownLogins(identityPoolId, 10)).toEqual(ids.toSorted());
      expect(await listUnknownLogins(identityPoolId, 1)).toEqual(ids.toSorted().slice(0, 1));
    });

    it('does not end the migration if a login was added at the origin while both sides were compared', async () => {
      const { identityPoolId, ids, origin } = await copied([{ game: listingOf(1) }]);
      let providers: string[] = [];
      const changed: Origin = {
        ...origin,
        listIdentities: async () => ({ items: ids.map((id) => described(id, ...providers)), next: null }),
        async listRecords(dataset) {
          providers = [google];
          return origin.listRecords(dataset);
        },
      };
      expect(await finish(identityPoolId, changed)).toMatchObject({
        outcome: 'refused',
        reasons: ['unknown-logins'],
      });
    });

    it('takes over an identity that was created at the origin while both sides were compared, and ends the migration', async () => {
      const { identityPoolId, ids, origin } = await copied([{ game: listingOf(1) }]);
      const all = [...ids];
      const changed: Origin = {
        ...origin,
        listIdentities: async () => ({ items: all.map((id) => described(id)), next: null }),
        describeIdentity: async (id) => described(id),
        async listRecords(dataset) {
          if (all.length === 1) all.push(newId());
          return origin.listRecords(dataset);
        },
      };
      // The new identity is created at the first call of listRecords, which is part of the first identity's takeover.
      expect(await finish(identityPoolId, changed)).toMatchObject({ outcome: 'finished', takenOver: 2 });
    });

    it('takes over identities without data that were created at the origin after the copy', async () => {
      const { identityPoolId, origin } = await copied([{}]);
      const [guest, user] = [newId(), newId()];
      const { items } = await origin.listIdentities(identityPoolId, { hideDisabled: true, token: null });
      const changed: Origin = {
        ...origin,
        listIdentities: async () => ({
          items: [...items, described(guest), described(user, google)],
          next: null,
        }),
        describeIdentity: async (id) => (id === user ? described(id, google) : described(id)),
      };
      expect(await finish(identityPoolId, changed, { isDryRun: true })).toMatchObject({
        reasons: ['unknown-logins'],
        left: { unknownLogins: 1, unknownLoginIdentities: [user] },
      });
      expect(await store.unknownOf(identityPoolId, [guest, user])).toEqual([guest, user]);
      expect(await finish(identityPoolId, changed)).toMatchObject({
        reasons: ['unknown-logins'],
        takenOver: 3,
        left: { unknownLogins: 1, unknownLoginIdentities: [user] },
      });
      const owners = await takeOvers.ownersOf(
        [guest, user].map((identityId) => ({ identityPoolId, identityId })),
      );
      expect(owners).toEqual(['us', 'us']);
    });
  });

  it('creates no replica for an event of the origin that is still being applied when the migration ends', async () => {
    const { identityPoolId, origin } = await copied([{}]);
    const late = newId();
    const describeIdentity = async (identityId: string) => {
      expect(await finish(identityPoolId, origin)).toMatchObject({ outcome: 'finished' });
      return { identityId, createdAt: now, modifiedAt: now, providers: [] };
    };
    const followed = await follow({ ...origin, describeIdentity }, eventOf(identityPoolId, late, 1, now));
    expect(followed).toMatchObject({ identities: 0, records: 0, kept: 1 });
    expect(await store.unknownOf(identityPoolId, [late])).toEqual([late]);
    expect(await createIdentityStore(database).readIdentity(late)).toBeNull();
  });

  it('does not end the migration if an event created an identity in the meantime that was not taken over', async () => {
    const { identityPoolId, origin } = await copied([{}]);
    const pool = await store.readPool(identityPoolId, now);
    await follow(
      {
        ...origin,
        describeIdentity: async (identityId) => ({
          identityId,
          createdAt: now,
          modifiedAt: now,
          providers: [],
        }),
      },
      eventOf(identityPoolId, newId(), 1, now),
    );
    const end = (identities: number) =>
      createFinishStore(database).finish(identityPoolId, {
        startedAt: pool?.startedAt ?? 0,
        at: now,
        identities,
      });
    expect(await end(1)).toBe(false);
    expect(await isMoving(identityPoolId)).toBe(true);
    expect(await end(2)).toBe(true);
  });

  it('stores when an old version of the app last wrote, and does not count writes of the bridge', async () => {
    const there = { game: listingOf(1) };
    const { identityPoolId, ids, origin } = await copied([there, {}]);
    const [identityId = '', replica = ''] = ids;
    const write = async (id: string, syncCount: number, at: number) => {
      await follow(origin, eventOf(identityPoolId, id, syncCount, at));
      return (await store.readPool(identityPoolId, now))?.lastOldWrite;
    };
    const writtenAt = now - 3 * MINUTE;
    expect(await write(replica, 1, writtenAt)).toBe(writtenAt);
    // The scripted origin does not have the change. The comparison reports this difference only after 30 seconds,
    // because a difference may come from a write in flight.
    expect(await finish(identityPoolId, origin, { quietForMs: 0, isDryRun: true })).toMatchObject({
      lastOldWrite: writtenAt,
      reasons: ['differences'],
    });
    const lease = await takeOvers.claim({ identityPoolId, identityId }, { now, until: now + MINUTE });
    if (typeof lease === 'string') throw new Error(lease);
    await takeOvers.finish(lease, { at: now, countJump: 1_048_576 });
    // At the takeover, both sides agreed on the sync count 1, so an event with this count is no new write.
    expect(await write(identityId, 1, now - 2 * MINUTE)).toBe(writtenAt);
    expect(await write(identityId, 2, now - MINUTE)).toBe(now - MINUTE);
  });
});
