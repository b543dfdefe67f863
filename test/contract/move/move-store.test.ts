import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database, Transaction } from '../../../lib/database/database.ts';
import { datasetId, identityRowId } from '../../../lib/database/row-ids.ts';
import type { Login } from '../../../lib/identity/ports/identity-store.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { type CopyProgress, type MoveStore, noProgress } from '../../../lib/move/ports/move-store.ts';
import { createBridgeReports } from '../../../lib/move/store/bridge-reports.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import type { ReplicaChange } from '../../../lib/sync/replica.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { putMarks, readBridging } from '../../../lib/sync/store/replica/marks.ts';
import { writeReplica } from '../../../lib/sync/store/replica/write-replica.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { newPool, STREAMING } from '../../fixtures/identity/identity-pools.ts';

const NOW = 1_800_000_000_000;
const PROVIDER = 'login.game.example';

describe.each(SERVICE_DATABASES)('the move store, with copies of an origin’s data, on $name', ({ open }) => {
  let database: Database;
  let store: MoveStore;
  beforeAll(async () => {
    database = await open();
    store = createMoveStore(database, { offloading: null, now: () => NOW });
  });
  afterAll(() => database.close());

  const newId = () => `us-east-1:${randomUUID()}`;
  const about = { startedAt: 5, state: 'usable', developerProvider: PROVIDER } as const;
  const identityOf = (identityId: string, providers: string[] = []) => ({
    identityId,
    createdAt: 1,
    modifiedAt: 2,
    providers,
  });
  const put = (pool: string, id: string, providers: string[] = []) =>
    store.putIdentities(pool, [identityOf(id, providers)], about);
  const takeOver = (identityPoolId: string, identityId: string) =>
    database.query('UPDATE move.identities SET taken_over_ms = 9 WHERE identity_row_id = $1', [
      identityRowId({ identityPoolId, identityId }),
    ]);
  const changeOf = (
    identityPoolId: string,
    identityId: string,
    rows: readonly (readonly [key: string, value: string | null, syncCount: number])[],
    syncCount = Math.max(...rows.map(([, , count]) => count)),
  ): ReplicaChange => ({
    dataset: { identityPoolId, identityId, datasetName: 'game' },
    version: { lastModifiedDate: syncCount * 10, syncCount },
    removal: null,
    records: rows.map(([key, value, count]) => ({
      key,
      value,
      version: { lastModifiedDate: count * 10, syncCount: count },
      deviceLastModifiedDate: null,
      lastModifiedBy: 'author',
    })),
    listing: { creationDate: 1, lastModifiedBy: 'author', unstorableKeys: [] },
  });
  const read = (identityPoolId: string, identityId: string) =>
    store.readDataset({ identityPoolId, identityId, datasetName: 'game' });

  it('gives the lease of a pool to one process, until the lease is released or has ended', async () => {
    const pool = await newPool(database);
    const take = (now: number, holder: string) =>
      store.takeLease(pool, { origin: 'origin', holder, now, until: now + 100 });
    const first = await take(1_000, 'first');
    expect(await take(1_050, 'second')).toEqual({ holder: 'first', until: 1_100 });
    const second = await take(1_100, 'second');
    if (!('leaseId' in first) || !('leaseId' in second)) throw new Error('no lease');
    const progress: CopyProgress = { ...noProgress(), phase: 'data', position: 'a' };
    expect(await store.save(first, progress, 2_000)).toBe(false);
    expect(await store.save(second, progress, 2_000)).toBe(true);
    await store.releaseLease(first);
    expect(await store.readPool(pool, 1_500)).toMatchObject({
      progress,
      lease: { holder: 'second', until: 2_000 },
    });
    await store.releaseLease(second);
    expect(await store.readPool(pool, 1_500)).toMatchObject({ progress, lease: null, copiedAt: null });
    expect('leaseId' in (await take(1_500, 'third'))).toBe(true);
  });

  it('treats a lease that ends in the far future as ended, because the clock was set back', async () => {
    const pool = await newPool(database);
    const day = 24 * 60 * 60 * 1000;
    await store.takeLease(pool, { origin: 'o', holder: 'first', now: day, until: day + 100 });
    const second = await store.takeLease(pool, { origin: 'o', holder: 'second', now: 1_000, until: 1_100 });
    expect('leaseId' in second).toBe(true);
  });

  it('creates identities once; an identity with logins at the origin, or a disabled one, is not a guest', async () => {
    const pool = await newPool(database);
    const [guest, user, disabled] = [newId(), newId(), newId()];
    expect(await put(pool, guest)).toMatchObject({ created: 1, kept: 0 });
    expect(await put(pool, guest)).toMatchObject({ created: 0, kept: 0 });
    await put(pool, user, ['accounts.google.com', PROVIDER]);
    await store.putIdentities(pool, [identityOf(disabled)], { ...about, state: 'disabled' });
    const identities = createIdentityStore(database);
    const found = async (asked: string) =>
      (await identities.findLogins({ identityPoolId: pool, asked, proven: null, logins: [] })).asked;
    expect(await found(guest)).toMatchObject({ isGuest: true, createdAt: 1 });
    expect(await found(user)).toMatchObject({ isGuest: false, isUnlinked: false });
    expect(await found(disabled)).toMatchObject({ isGuest: false, isUnlinked: true });
    expect((await identities.readIdentity(user))?.providers).toEqual(['accounts.google.com', PROVIDER]);
  });

  it('remembers that a later copy listed an identity, even if an earlier copy then lists it again', async () => {
    const pool = await newPool(database);
    const id = newId();
    await put(pool, id);
    await store.putIdentities(pool, [identityOf(id)], { ...about, startedAt: 4 });
    expect(await store.listedOf(pool, [id], 5)).toEqual(new Set([id]));
  });

  it('does not remember an identity as listed by a copy if it could not create the identity, because there is no pool', async () => {
    const pool = `us-east-1:${randomUUID()}`;
    const id = newId();
    expect(await put(pool, id)).toMatchObject({ created: 0 });
    expect(await store.unknownOf(pool, [id])).toEqual([id]);
  });

  it('updates the providers of a replica, and of an owned guest that received a login at the origin', async () => {
    const pool = await newPool(database);
    const [replica, owned] = [newId(), newId()];
    await put(pool, replica);
    await put(pool, owned);
    await takeOver(pool, owned);
    await put(pool, replica, ['accounts.google.com']);
    expect(await put(pool, owned, ['accounts.google.com'])).toMatchObject({ created: 0, kept: 1 });
    const identities = createIdentityStore(database);
    expect((await identities.readIdentity(replica))?.providers).toEqual(['accounts.google.com']);
    expect((await identities.readIdentity(owned))?.providers).toEqual(['accounts.google.com']);
  });

  it('does not change an identity that was here before, and does not create one again that was deleted here', async () => {
    const pool = await newPool(database);
    const [native, deleted] = [newId(), newId()];
    const identities = createIdentityStore(database);
    await identities.createGuest({ identityPoolId: pool, identityId: native }, 1);
    expect(await put(pool, native)).toMatchObject({ created: 0, kept: 1 });
    expect(await store.applyChange(changeOf(pool, native, [['a', '1', 1]]))).toEqual({ outcome: 'kept' });
    await put(pool, deleted);
    await identities.deleteIdentity(deleted, 3);
    expect(await put(pool, deleted)).toMatchObject({ created: 0, kept: 1 });
    expect(await store.applyChange(changeOf(pool, deleted, [['a', '1', 1]]))).toEqual({ outcome: 'kept' });
    expect(await read(pool, deleted)).toMatchObject({ exists: false });
  });

  it('links developer users, unlinks users that are gone at the origin, and counts users of other identities', async () => {
    const pool = await newPool(database);
    const [one, two] = [newId(), newId()];
    await put(pool, one, [PROVIDER]);
    await put(pool, two, [PROVIDER, 'accounts.google.com']);
    const link = (identityId: string, users: string[]) =>
      store.putDeveloperUsers({ identityPoolId: pool, identityId }, PROVIDER, users);
    expect(await link(one, ['ada', 'grace'])).toBe(0);
    expect(await link(one, ['ada'])).toBe(0);
    expect(await link(two, ['ada', 'grace'])).toBe(1);
    const users = async (identityId: string) =>
      (
        await createIdentityStore(database).listUsers({
          identityId,
          provider: PROVIDER,
          after: null,
          limit: 9,
        })
      )
        .map(({ userId }) => userId)
        .toSorted();
    expect(await users(one)).toEqual(['ada']);
    expect(await users(two)).toEqual(['grace']);
    expect((await createIdentityStore(database).readIdentity(two))?.providers).toEqual([
      'accounts.google.com',
      PROVIDER,
    ]);
  });

  it('writes only newer rows, counts storage, and changes nothing if a change is repeated', async () => {
    const pool = await newPool(database);
    const id = newId();
    await put(pool, id);
    const change = changeOf(pool, id, [
      ['a', '12', 2],
      ['b', null, 3],
    ]);
    expect(await store.applyChange(change)).toMatchObject({ outcome: 'written', records: 2 });
    expect(await store.applyChange(change)).toMatchObject({ outcome: 'unchanged', records: 0 });
    const older = { ...changeOf(pool, id, [['a', 'old', 1]]), listing: null };
    expect(await store.applyChange(older)).toMatchObject({ outcome: 'unchanged' });
    expect(await read(pool, id)).toEqual({
      exists: true,
      syncCount: 3,
      rows: [
        { key: 'a', value: '12', syncCount: 2 },
        { key: 'b', value: null, syncCount: 3 },
      ],
    });
    expect((await createPoolStore(database).readPoolUsage(pool))?.dataStorage).toBe(3);
    const shorter = { ...changeOf(pool, id, [['a', '1', 4]]), listing: null };
    await store.applyChange(shorter);
    expect((await createPoolStore(database).readPoolUsage(pool))?.dataStorage).toBe(2);
  });

  it('writes a dataset with more rows than one transaction may write', async () => {
    const pool = await newPool(database, { streams: STREAMING });
    const id = newId();
    await put(pool, id);
    const rows = Array.from(
      { length: 6_000 },
      (_, index) => [`k${index}`, index % 3 ? null : 'v', 1] as const,
    );
    const change = changeOf(
      pool,
      id,
      rows.map(([key, value, count]) => [key, value, count]),
    );
    expect(await store.applyChange(change)).toEqual({ outcome: 'written', records: 6_000, leftOut: 0 });
    expect((await read(pool, id)).rows).toHaveLength(6_000);
    const { rows: events } = await database.query<{ count: number }>(
      'SELECT count(*) AS count FROM sync.outbox WHERE partition_key = $1',
      [id],
    );
    expect(events[0]?.count).toBeGreaterThan(2);
    const removal = { lastModifiedDate: 50, syncCount: 2 };
    const deletion = { ...change, version: removal, removal, records: [], listing: null };
    expect(await store.applyChange(deletion)).toMatchObject({ outcome: 'written' });
    const { rows: left } = await database.query('SELECT 1 FROM sync.records WHERE record_key = $1', ['k5']);
    expect(left).toEqual([]);
  });

  it('erases rows that a listing does not contain, and keeps rows that it contains or whose new value cannot be stored', async () => {
    const pool = await newPool(database, { streams: STREAMING });
    const id = newId();
    await put(pool, id);
    const old = Array.from(
      { length: 500 },
      (_, index) => [`old${index}`, index % 2 ? null : 'v', 3] as const,
    );
    await store.applyChange(changeOf(pool, id, [['a', '1', 1], ['b', '1', 2], ...old]));
    const listed = changeOf(pool, id, [['a', '1', 1]], 4);
    const listing = { creationDate: 1, lastModifiedBy: 'author', unstorableKeys: ['b'] };
    expect(await store.applyChange({ ...listed, listing })).toMatchObject({ outcome: 'written', records: 0 });
    expect((await read(pool, id)).rows).toEqual([
      { key: 'a', value: '1', syncCount: 1 },
      { key: 'b', value: '1', syncCount: 2 },
    ]);
    const { rows } = await database.query<{ event: string }>(
      'SELECT event FROM sync.outbox WHERE partition_key = $1 ORDER BY outbox_id',
      [id],
    );
    const removed = rows.flatMap(({ event }) => JSON.parse(event).kinesisSyncRecords ?? []);
    expect(removed.filter(({ op }) => op === 'remove')).toHaveLength(500);
    expect(await store.applyChange({ ...listed, listing })).toMatchObject({ outcome: 'unchanged' });
  });

  it('erases many rows older than a removal of the dataset, even if the sync counts restarted after the removal', async () => {
    const pool = await newPool(database);
    const id = newId();
    await put(pool, id);
    const old = Array.from({ length: 450 }, (_, index) => [`old${index}`, 'value', index + 1] as const);
    await store.applyChange(changeOf(pool, id, old));
    const removal = { lastModifiedDate: 5_000, syncCount: 451 };
    const [record] = changeOf(pool, id, [['new', '1', 1]]).records;
    if (!record) throw new Error('no record');
    const version = { lastModifiedDate: 6_000, syncCount: 1 };
    const change: ReplicaChange = {
      ...changeOf(pool, id, [['new', '1', 1]]),
      version,
      removal,
      records: [{ ...record, version }],
      listing: null,
    };
    expect(await store.applyChange(change)).toMatchObject({ outcome: 'written', records: 1 });
    expect((await read(pool, id)).rows).toEqual([{ key: 'new', value: '1', syncCount: 1 }]);
    expect((await createPoolStore(database).readPoolUsage(pool))?.dataStorage).toBe(4);
    expect(await store.applyChange(change)).toMatchObject({ outcome: 'unchanged' });
  });

  it('writes and erases more bytes than one transaction may change', async () => {
    const pool = await newPool(database, { streams: STREAMING });
    const id = newId();
    await put(pool, id);
    // 900 KB of UTF-8.
    const value = '€'.repeat(300_000);
    const large = Array.from({ length: 15 }, (_, index) => [`k${index}`, value, 1] as const);
    const written = await store.applyChange(changeOf(pool, id, [...large], 2));
    expect(written).toMatchObject({ outcome: 'written', records: 15 });
    expect((await read(pool, id)).rows).toHaveLength(15);
    const listed = changeOf(pool, id, [['a', '1', 3]]);
    expect(await store.applyChange(listed)).toMatchObject({ outcome: 'written', records: 1 });
    expect((await read(pool, id)).rows).toEqual([{ key: 'a', value: '1', syncCount: 3 }]);

    await store.applyChange(
      changeOf(pool, id, [['a', '1', 3], ...large.map(([key]) => [key, value, 4] as const)]),
    );
    const removal = { lastModifiedDate: 50, syncCount: 5 };
    const removed = { ...listed, version: removal, removal, records: [], listing: null };
    expect(await store.applyChange(removed)).toMatchObject({ outcome: 'written' });
    const { rows } = await database.query('SELECT 1 FROM sync.records WHERE record_key = $1', ['k7']);
    expect(rows).toEqual([]);
    expect((await createPoolStore(database).readPoolUsage(pool))?.dataStorage).toBe(0);
  });

  it('does not show a dataset before all parts of a large change are written', async () => {
    const pool = await newPool(database);
    const id = newId();
    await put(pool, id);
    const rows = Array.from({ length: 2_600 }, (_, index) => [`k${index}`, 'v', 1] as const);
    const write = (change: ReplicaChange) =>
      database.transaction((transaction) => writeReplica(transaction, change, null));
    expect(await write(changeOf(pool, id, [...rows], 7))).toMatchObject({ outcome: 'partial' });
    expect(await read(pool, id)).toMatchObject({ exists: false, syncCount: 0 });
    expect(await write(changeOf(pool, id, [...rows], 7))).toMatchObject({ outcome: 'written' });
    expect(await read(pool, id)).toMatchObject({ exists: true, syncCount: 7 });
    const newer = rows.map(([key, value]) => [key, value, 9] as const);
    expect(await write(changeOf(pool, id, [...newer], 9))).toMatchObject({ outcome: 'partial' });
    expect(await read(pool, id)).toMatchObject({ syncCount: 7 });
    await write(changeOf(pool, id, [...newer], 9));
    expect(await read(pool, id)).toMatchObject({ syncCount: 9 });
  });

  it('changes nothing of an identity that was taken over', async () => {
    const pool = await newPool(database);
    const id = newId();
    await put(pool, id);
    await store.applyChange(changeOf(pool, id, [['a', '1', 1]]));
    await takeOver(pool, id);
    expect(await store.applyChange(changeOf(pool, id, [['a', '2', 2]]))).toEqual({ outcome: 'kept' });
    expect((await read(pool, id)).rows).toEqual([{ key: 'a', value: '1', syncCount: 1 }]);
    const moved = await store.listIdentities(pool, { after: '', limit: 9, startedAt: 5 });
    expect(moved).toMatchObject([{ identityId: id, state: 'kept', isMoved: true, isListed: true }]);
    expect(await store.countIdentities(pool, 5)).toEqual({ identities: 1, takenOver: 1, copied: 0 });
  });

  it('publishes events with the versions of the origin, without a record that is too large for an event', async () => {
    const pool = await newPool(database, { streams: STREAMING });
    const id = newId();
    await put(pool, id);
    const large = 'x'.repeat(950_000);
    const applied = await store.applyChange(
      changeOf(pool, id, [
        ['a', '1', 1],
        ['b', large, 2],
      ]),
    );
    expect(applied).toEqual({ outcome: 'written', records: 2, leftOut: 1 });
    const { rows } = await database.query<{ event: string }>(
      'SELECT event FROM sync.outbox WHERE partition_key = $1',
      [id],
    );
    expect(rows.map(({ event }) => JSON.parse(event))).toMatchObject([
      {
        syncCount: 2,
        lastModifiedDate: 20,
        kinesisSyncRecords: [{ key: 'a', syncCount: 1, lastModifiedDate: 10 }],
      },
    ]);
  });

  it('reports that events are missing (a gap) after events expired before they were applied, until a later copy is complete', async () => {
    const pool = await newPool(database);
    const lease = await store.takeLease(pool, { origin: 'o', holder: 'h', now: 1_000, until: 9_000 });
    if (!('leaseId' in lease)) throw new Error('no lease');
    const day = 86_400_000;
    const gap = async () => (await store.readPool(pool, 1_000))?.gapSince;
    const catchUp = (upTo: number) => store.saveCaughtUp(pool, { upTo, retentionMs: day });
    await catchUp(2_000);
    await catchUp(2_000 + day);
    expect(await gap()).toBeNull();
    await catchUp(3_000 + 2 * day);
    await catchUp(4_000 + 2 * day);
    expect(await gap()).toBe(2_000 + day);
    await store.finishCopy(lease, noProgress(), 5_000);
    expect(await gap()).toBe(2_000 + day);
    await store.startCopy(lease, { origin: 'o', startedAt: NOW + 1, isPoolNew: false });
    await store.finishCopy(lease, noProgress(), NOW + 2);
    expect(await gap()).toBeNull();
  });

  it('keeps a gap that is saved while a copy is in progress, until a later copy repairs it', async () => {
    const pool = await newPool(database);
    const lease = await store.takeLease(pool, { origin: 'o', holder: 'h', now: 1_000, until: 9_000 });
    if (!('leaseId' in lease)) throw new Error('no lease');
    await store.saveGap(pool, 700);
    await store.saveGap(pool, 800);
    await store.finishCopy(lease, noProgress(), 5_000);
    expect((await store.readPool(pool, 1_000))?.gapSince).toBe(700);
    await store.startCopy(lease, { origin: 'o', startedAt: NOW + 1, isPoolNew: false });
    await store.finishCopy(lease, noProgress(), NOW + 2);
    expect((await store.readPool(pool, 1_000))?.gapSince).toBeNull();
  });

  it('copies changes of logins: new developer users, and users that belong to another identity now', async () => {
    const pool = await newPool(database);
    const [one, two] = [newId(), newId()];
    const providersOf = async (id: string) =>
      (await createIdentityStore(database).readIdentity(id))?.providers;
    await put(pool, one, ['accounts.google.com']);
    await put(pool, one, ['accounts.google.com', PROVIDER]);
    expect(await providersOf(one)).toEqual(['accounts.google.com', PROVIDER]);
    const link = (identityId: string, users: string[]) =>
      store.putDeveloperUsers({ identityPoolId: pool, identityId }, PROVIDER, users);
    expect(await link(one, ['ada'])).toBe(0);
    // Now a merge at the origin gives the user to the other identity.
    await put(pool, two, [PROVIDER]);
    await put(pool, one, ['accounts.google.com']);
    expect(await providersOf(one)).toEqual(['accounts.google.com']);
    expect(await link(two, ['ada'])).toBe(0);
  });

  const findIdentity = (identityPoolId: string, asked: string, logins: Login[] = []) =>
    createIdentityStore(database).findLogins({ identityPoolId, asked, proven: null, logins });
  async function applyLinks(
    identityPoolId: string,
    identityId: string,
    { logins = [], merge = [] }: { logins?: Login[]; merge?: string[] },
  ): Promise<void> {
    const question = { identityPoolId, asked: identityId, proven: null, logins };
    const found = await findIdentity(identityPoolId, identityId, logins);
    const decision = { identityId, isNew: false, link: logins, merge };
    expect(await createIdentityStore(database).applyLinks({ question, found, decision, at: 7 })).toBe(true);
  }

  it('does not copy the name of a login provider if the identity already has a login of that provider here', async () => {
    const pool = await newPool(database);
    const [id, provider] = [newId(), 'accounts.google.com'];
    await put(pool, id, [provider]);
    await applyLinks(pool, id, { logins: [{ provider, userId: 'ada' }] });
    const providersOf = async () => (await findIdentity(pool, id)).asked?.providers;
    await put(pool, id, [provider]);
    expect(await providersOf()).toEqual([provider]);
    await put(pool, id, [provider, 'graph.facebook.com']);
    expect(await providersOf()).toEqual([provider, 'graph.facebook.com']);
    await put(pool, id, []);
    expect(await providersOf()).toEqual([provider]);
  });

  it('does not change an identity that was merged here', async () => {
    const pool = await newPool(database);
    const [merged, survivor] = [newId(), newId()];
    await put(pool, merged);
    await put(pool, survivor);
    await applyLinks(pool, survivor, { merge: [merged] });
    expect(await put(pool, merged, ['accounts.google.com'])).toMatchObject({ created: 0, kept: 1 });
    expect(await store.applyChange(changeOf(pool, merged, [['a', '1', 1]]))).toEqual({ outcome: 'kept' });
    const listed = await store.listIdentities(pool, { after: '', limit: 9, startedAt: 5 });
    expect(listed.find(({ identityId }) => identityId === merged)).toMatchObject({ state: 'kept' });
    expect(listed.find(({ identityId }) => identityId === survivor)).toMatchObject({ state: 'replica' });
  });

  it('does not turn an identity into a guest when its last developer user is unlinked', async () => {
    const pool = await newPool(database);
    const id = newId();
    await put(pool, id, [PROVIDER]);
    const key = { identityPoolId: pool, identityId: id };
    await store.putDeveloperUsers(key, PROVIDER, ['ada']);
    await store.putDeveloperUsers(key, PROVIDER, []);
    const identities = createIdentityStore(database);
    const { asked } = await identities.findLogins({
      identityPoolId: pool,
      asked: id,
      proven: null,
      logins: [],
    });
    expect(asked).toMatchObject({ isGuest: false });
  });

  it('creates identities that no copy has listed, and does not change existing identities', async () => {
    const pool = await newPool(database);
    const [guest, early] = [newId(), newId()];
    await put(pool, guest);
    const unlisted = { ...about, startedAt: null, state: 'disabled' } as const;
    await store.putIdentities(pool, [identityOf(guest), identityOf(early)], unlisted);
    expect(await store.listedOf(pool, [guest, early], 5)).toEqual(new Set([guest]));
    const isUnlinked = async (asked: string) => {
      const found = await createIdentityStore(database).findLogins({
        identityPoolId: pool,
        asked,
        proven: null,
        logins: [],
      });
      return found.asked?.isUnlinked;
    };
    expect([await isUnlinked(guest), await isUnlinked(early)]).toEqual([false, true]);
    const moved = await store.listIdentities(pool, { after: '', limit: 9, startedAt: 5 });
    expect(moved.find(({ identityId }) => identityId === early)).toMatchObject({
      isListed: false,
      createdAt: 1,
    });
    await put(pool, early);
    expect(await isUnlinked(early)).toBe(false);
  });

  it('forgets the identities of an earlier pool with the same id', async () => {
    const pool = await newPool(database);
    const id = newId();
    await put(pool, id);
    expect(await store.unknownOf(pool, [id])).toEqual([]);
    const lease = await store.takeLease(pool, { origin: 'o', holder: 'h', now: 1_000, until: 9_000 });
    if (!('leaseId' in lease)) throw new Error('no lease');
    const dataset = { identityPoolId: pool, identityId: id, datasetName: 'game' };
    await putMarks(database, pool, [dataset]);
    const of = [datasetId(dataset), identityRowId(dataset)];
    await database.query('INSERT INTO move.datasets VALUES ($1, $2, 1, 1)', of);
    await database.query(
      `INSERT INTO move.pending (dataset_id, record_id, record_key, here_count, after_there)
       VALUES ($1::uuid, $1::uuid, 'k', 1, 1)`,
      [datasetId(dataset)],
    );
    await database.query(
      `INSERT INTO move.conflicts (conflict_id, identity_pool_id, identity_id, dataset_name, kind, winner, decided_ms)
       VALUES ($1, $2, $3, 'game', 'changed', 'here', 1)`,
      [randomUUID(), pool, id],
    );
    await store.startCopy(lease, { origin: 'o', startedAt: NOW, isPoolNew: true });
    expect(await store.unknownOf(pool, [id])).toEqual([id]);
    for (const table of ['sync.unbridged_datasets', 'move.datasets', 'move.pending'])
      expect(
        (await database.query(`SELECT 1 FROM ${table} WHERE dataset_id = $1`, [datasetId(dataset)])).rows,
      ).toEqual([]);
    expect(await createBridgeReports(database).count(pool)).toMatchObject({ marks: 0, conflicts: 0 });
  });

  it('starts a copy only in one transaction with the marking of changes here, which the bridge needs', async () => {
    const pool = await newPool(database);
    const lease = await store.takeLease(pool, { origin: 'o', holder: 'h', now: 1_000, until: 9_000 });
    if (!('leaseId' in lease)) throw new Error('no lease');
    const failing = createMoveStore(failingOn(database, 'SET bridges'), { offloading: null, now: () => NOW });
    await expect(
      failing.startCopy(lease, { origin: 'o', startedAt: NOW + 7, isPoolNew: false }),
    ).rejects.toThrow('killed');
    expect((await store.readPool(pool, 1_000))?.startedAt).not.toBe(NOW + 7);
    await store.startCopy(lease, { origin: 'o', startedAt: NOW + 7, isPoolNew: false });
    expect(await readBridging(database, pool)).toBe('on');
  });

  it('starts the marking of changes of a pool if its copy was started by a version of the service without marks', async () => {
    const pool = await newPool(database);
    const lease = await store.takeLease(pool, { origin: 'o', holder: 'h', now: 1_000, until: 9_000 });
    if (!('leaseId' in lease)) throw new Error('no lease');
    expect(await readBridging(database, pool)).toBe('off');
    await store.resumeCopy(lease);
    expect(await readBridging(database, pool)).toBe('on');
  });
});

/** Returns a database that fails before a statement that contains `text`, as if the process were killed. */
function failingOn(database: Database, text: string): Database {
  const query =
    (on: Transaction): Transaction['query'] =>
    (sql, values) => {
      if (sql.includes(text)) return Promise.reject(new Error('killed'));
      return on.query(sql, values);
    };
  return {
    ...database,
    query: query(database),
    transaction: (work) =>
      database.transaction((transaction) => work({ ...transaction, query: query(transaction) })),
  };
}
