import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import { checkFollowed } from '../../../lib/move/check-followed.ts';
import { followBatch } from '../../../lib/move/follow.ts';
import type { MoveStore } from '../../../lib/move/ports/move-store.ts';
import type { Origin } from '../../../lib/move/ports/origin.ts';
import { createMoveStore } from '../../../lib/move/store/move-store.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { newPool } from '../../fixtures/identity/identity-pools.ts';
import {
  deliver,
  NEW_YEAR,
  readDeliveries,
  toBytes,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';
import { CREATED_AT, failure, scriptedOrigin } from './scripted-origin.ts';

const STARTED_AT = CREATED_AT + 3_600_000;

describe.each(SERVICE_DATABASES)('applying events of the origin despite faults, on $name', ({ open }) => {
  let database: Database;
  let store: MoveStore;
  beforeAll(async () => {
    database = await open();
    store = createMoveStore(database, { offloading: null, now: () => NEW_YEAR });
  });
  afterAll(() => database.close());

  const newId = () => `us-east-1:${randomUUID()}`;
  async function movingPool(): Promise<string> {
    const pool = await newPool(database);
    const about = { origin: 'scripted', holder: 'test', now: STARTED_AT, until: STARTED_AT + 1_000 };
    await store.takeLease(pool, about);
    return pool;
  }
  async function follow(origin: Origin, events: readonly Uint8Array[], now = NEW_YEAR) {
    const reasons: string[] = [];
    const outcome = await followBatch(
      {
        store,
        origin,
        keepRemovalVersion: createQueryStore(database).keepRemovalVersion,
        onRefused: (_, reason) => reasons.push(reason),
        now: () => now,
      },
      await readDeliveries(events.map((data) => deliver(data, NEW_YEAR))),
    );
    return { ...outcome, reasons };
  }
  const eventOf = (identityPoolId: string, identityId: string) =>
    toBytes(wireEvent({ identityPoolId, identityId }));
  const gapOf = async (pool: string) => (await store.readPool(pool, NEW_YEAR))?.gapSince;

  it('keeps an old identity without logins inaccessible until a copy lists it as usable', async () => {
    const [pool, id] = [await movingPool(), newId()];
    const origin = scriptedOrigin(pool, { [id]: {} });
    expect(await follow(origin, [eventOf(pool, id)])).toMatchObject({ identities: 1, refused: 0 });
    expect(await store.listedOf(pool, [id], STARTED_AT)).toEqual(new Set());
    const find = async () =>
      (
        await createIdentityStore(database).findLogins({
          identityPoolId: pool,
          asked: id,
          proven: null,
          logins: [],
        })
      ).asked;
    expect(await find()).toMatchObject({ isGuest: false, isUnlinked: true });
    const about = { startedAt: STARTED_AT, state: 'usable', developerProvider: undefined } as const;
    const { items } = await origin.listIdentities(pool, { hideDisabled: true, token: null });
    await store.putIdentities(pool, items, about);
    expect(await find()).toMatchObject({ isGuest: true });
  });

  it('saves that events are missing (a gap) if an event can never be applied', async () => {
    const [pool, id] = [await movingPool(), newId()];
    const origin = scriptedOrigin(pool, { [id]: {} });
    const unstorable = toBytes(
      wireEvent({
        identityPoolId: pool,
        identityId: id,
        kinesisSyncRecords: [wireRecord({ value: '\0' })],
      }),
    );
    expect(await gapOf(pool)).toBeNull();
    const { refused, reasons } = await follow(origin, [unstorable, eventOf(pool, id)]);
    expect({ refused, reasons: reasons.length }).toEqual({ refused: 1, reasons: 1 });
    expect(await gapOf(pool)).toBe(NEW_YEAR);
  });

  it('reports data that is not an event, but saves no gap: another producer may have written the data', async () => {
    const pool = await movingPool();
    const { refused, reasons } = await follow(scriptedOrigin(pool, {}), [Buffer.from('no event')]);
    expect({ refused, reasons }).toEqual({ refused: 1, reasons: [expect.stringContaining('not-json')] });
    expect(await gapOf(pool)).toBeNull();
  });

  it('ignores events of a pool that was copied from another origin', async () => {
    const [pool, id] = [await movingPool(), newId()];
    const origin = scriptedOrigin(pool, { [id]: {} }, { name: 'another' });
    expect(await follow(origin, [eventOf(pool, id)])).toMatchObject({ ignored: 1, identities: 0 });
  });

  it('saves a gap if the pool does not stream any more', async () => {
    const pool = await movingPool();
    const about = { upTo: NEW_YEAR - 5, retentionMs: 10 * NEW_YEAR };
    const own = scriptedOrigin(pool, {});
    expect(await checkFollowed({ store, origin: own }, pool, about)).toBeNull();
    expect(await gapOf(pool)).toBeNull();
    const streaming = { isEnabled: false, streamName: 'cognito-sync', roleArn: null };
    const readPool: Origin['readPool'] = async (id) => ({ ...(await own.readPool(id)), streaming });
    const problem = await checkFollowed({ store, origin: { ...own, readPool } }, pool, about);
    expect(problem).toContain('does not stream');
    expect(await gapOf(pool)).toBe(NEW_YEAR - 5);
  });

  it('continues with other identities if the origin refuses to describe one identity', async () => {
    const [pool, bad, good] = [await movingPool(), newId(), newId()];
    const own = scriptedOrigin(pool, { [bad]: {}, [good]: {} });
    const origin: Origin = {
      ...own,
      describeIdentity: (id) => (id === bad ? Promise.reject(failure('refused')) : own.describeIdentity(id)),
    };
    expect(await follow(origin, [eventOf(pool, bad), eventOf(pool, good)])).toMatchObject({
      identities: 1,
      refused: 1,
      reasons: ['identity-refused: scripted'],
    });
    expect(await gapOf(pool)).toBe(NEW_YEAR);
  });

  it('continues with other pools if a pool was deleted at the origin', async () => {
    const [deleted, pool, lost, id] = [await movingPool(), await movingPool(), newId(), newId()];
    const own = scriptedOrigin(pool, { [id]: {} });
    const readPool: Origin['readPool'] = (asked) =>
      asked === deleted ? Promise.reject(failure('not-found')) : own.readPool(asked);
    const outcome = await follow({ ...own, readPool }, [eventOf(deleted, lost), eventOf(pool, id)]);
    expect(outcome).toMatchObject({ identities: 1, refused: 0, kept: 1 });
    expect(await gapOf(deleted)).toBeNull();
  });

  describe.each(['unavailable', 'not-authorized'] as const)('if origin calls fail with "%s"', (condition) => {
    const calls = ['describeIdentity', 'listDeveloperUsers'] as const;
    const MINUTE_MS = 60_000;
    const provider = 'login.game.example';

    /** Creates an origin at which one call fails for some identities. */
    function failing(
      pool: string,
      ids: readonly string[],
      call: (typeof calls)[number],
      bad: string[],
    ): Origin {
      const own = scriptedOrigin(pool, Object.fromEntries(ids.map((id) => [id, {}])));
      const fail = () => Promise.reject(failure(condition));
      const describeIdentity: Origin['describeIdentity'] = async (id) => {
        const identity = await own.describeIdentity(id);
        return identity && { ...identity, providers: [provider] };
      };
      return {
        ...own,
        readPool: async (id) => {
          const read = await own.readPool(id);
          return { ...read, settings: { ...read.settings, DeveloperProviderName: provider } };
        },
        describeIdentity: (id) =>
          call === 'describeIdentity' && bad.includes(id) ? fail() : describeIdentity(id),
        listDeveloperUsers: (identity) =>
          call === 'listDeveloperUsers' && bad.includes(identity.identityId)
            ? fail()
            : own.listDeveloperUsers(identity),
      };
    }

    it.each(calls)('for %s of one identity, refuses its events after ten minutes', async (call) => {
      const [pool, known, bad, good] = [await movingPool(), newId(), newId(), newId()];
      await follow(failing(pool, [known], call, []), [eventOf(pool, known)]);
      const origin = failing(pool, [known, bad, good], call, [bad]);
      const events = [eventOf(pool, bad), eventOf(pool, good)];
      await expect(follow(origin, events, NEW_YEAR + 9 * MINUTE_MS)).rejects.toThrow('scripted');
      expect(await gapOf(pool)).toBeNull();
      const outcome = await follow(origin, events, NEW_YEAR + 11 * MINUTE_MS);
      expect(outcome).toMatchObject({ refused: 1, reasons: ['identity-refused: scripted'] });
      expect(await store.unknownOf(pool, [good])).toEqual([]);
      expect(await gapOf(pool)).toBe(NEW_YEAR);
    });

    it.each(calls)('for %s of all identities, retries the batch', async (call) => {
      const [pool, known, bad] = [await movingPool(), newId(), newId()];
      await follow(failing(pool, [known], call, []), [eventOf(pool, known)]);
      const origin = failing(pool, [known, bad], call, [known, bad]);
      const batch = follow(origin, [eventOf(pool, bad)], NEW_YEAR + 60 * MINUTE_MS);
      await expect(batch).rejects.toThrow('scripted');
      expect(await gapOf(pool)).toBeNull();
    });
  });
});
