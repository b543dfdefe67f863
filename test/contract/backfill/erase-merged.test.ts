import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceTables } from '../../../infra/cli/commands/erase/service-tables.ts';
import { erase } from '../../../lib/backfill/erase/erase.ts';
import { createEraseStore } from '../../../lib/backfill/store/erase-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { identityRowId } from '../../../lib/database/row-ids.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { createIdentityDataStore } from '../../../lib/sync/store/identity-data-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { type IdentityService, login } from '../../fixtures/identity/identity-service.ts';
import { createDeletingService } from '../../fixtures/sync/deleting-service.ts';
import { createMerger } from '../../fixtures/sync/merges.ts';
import {
  deliver,
  NEW_YEAR,
  POOL,
  readDeliveries,
  toBytes,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';
import { DEVELOPER } from '../../fixtures/wire/signing.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

describe.each(DATABASES)('erase of an identity with merged identities, on $name', ({ open }) => {
  let database: Database;
  let service: IdentityService;
  let isPoolMissing = false;
  const clock = { now: NEW_YEAR };

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock.now = NEW_YEAR;
    isPoolMissing = false;
    await deleteAllRows(database);
    // Without a stream, no event waits to be published.
    await createPool(database, POOL, { streams: null });
    service = createDeletingService(database, { mergeDatasets: createMerger(database) });
  });

  const getId = async (Logins = {}) =>
    (await service.operations.GetId({ IdentityPoolId: POOL, Logins })).IdentityId;
  const remove = async (...IdentityIdsToDelete: string[]) =>
    expect(await service.operations.DeleteIdentities({ IdentityIdsToDelete }, DEVELOPER)).toEqual({
      UnprocessedIdentityIds: [],
    });
  const write = (identityId: string) =>
    createDevice(createSyncService(database).operations, { identityId }).update(put('key', 'value'));
  const eraseOn = (on: Database, identityId: string, isDryRun = false) =>
    erase(
      {
        queryStore: createEraseStore(on),
        tables: createServiceTables(on, () => clock.now),
        service: null,
        now: () => clock.now,
        sleep: async (ms) => {
          clock.now += ms;
        },
      },
      {
        identityPoolId: POOL,
        identityId,
        isPoolMissing,
        isAmazons: false,
        retentionMs: null,
        isDryRun,
      },
    );

  /** Creates a guest that stores a record and is then merged into the user. */
  async function mergeGuest(user: ReturnType<typeof login>): Promise<string> {
    const guest = await getId();
    await write(guest);
    await service.operations.GetCredentialsForIdentity({ IdentityId: guest, Logins: user });
    return guest;
  }

  /** Writes rows of an identity that a late batch or a killed process leaves behind: projected rows, event, payload. */
  async function leaveRows(identityId: string): Promise<void> {
    await database.query('DELETE FROM projection.erased_identities');
    const event = (members: Parameters<typeof wireEvent>[0]) =>
      deliver(toBytes(wireEvent({ identityId, ...members })));
    const unstorable = { kinesisSyncRecords: [wireRecord({ value: '\0' })] };
    const unreadable = deliver(Buffer.from(`{"us-east-1:${identityId}`));
    const batch = [event({}), event(unstorable), unreadable];
    await projectBatch(createQueryStore(database), await readDeliveries(batch));
    await database.query(
      `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts)
       VALUES ($1, $2, $3, now(), 0)`,
      [randomUUID(), identityId, JSON.stringify(wireEvent({ identityId }))],
    );
    await database.query('INSERT INTO sync.payloads VALUES ($1, $2, 1, $3)', [
      randomUUID(),
      '[]',
      identityRowId({ identityPoolId: POOL, identityId }),
    ]);
  }

  /** Returns the tables that contain one of the texts in any column. Only the quarantine has a binary column. */
  async function tablesWith(...texts: string[]): Promise<string[]> {
    const { rows } = await database.query<{ name: string }>(
      `SELECT schemaname || '.' || tablename AS name FROM pg_tables
       WHERE schemaname IN ('sync', 'identity', 'projection') AND tablename <> 'migrations'`,
    );
    const found: string[] = [];
    for (const { name } of rows) {
      const row = name === 'projection.quarantine' ? "encode(one.payload, 'escape')" : 'one::text';
      const matches = texts.map((_, index) => `strpos(${row}, $${index + 1}) > 0`).join(' OR ');
      const { rows: hits } = await database.query(`SELECT 1 FROM ${name} AS one WHERE ${matches}`, texts);
      if (hits.length > 0) found.push(name);
    }
    return found.sort();
  }
  const WITH_LEFT_ROWS = ['projection.datasets', 'projection.quarantine', 'sync.outbox'];
  const LEFT_ROWS = {
    queryStore: { datasets: 1, records: 1, quarantined: 2 },
    tables: { unpublishedEvents: 1, payloads: 1 },
  };

  async function expectErased(identityId: string, merged: string[]): Promise<void> {
    const expected = { mergedIdentities: merged.toSorted(), found: LEFT_ROWS, remains: [] };
    expect(await eraseOn(database, identityId, true)).toMatchObject(expected);
    expect(await eraseOn(database, identityId)).toMatchObject(expected);
    expect(await tablesWith(identityId, ...merged)).toEqual([]);
    expect((await database.query('SELECT 1 FROM sync.payloads')).rows).toEqual([]);
  }

  it.each<[string, (identityId: string) => Promise<unknown>]>([
    ['a first run of erase', (identityId) => eraseOn(database, identityId)],
    ['DeleteIdentities', (identityId) => remove(identityId)],
    [
      'DeleteIdentities, when the credentials and tokens have expired',
      async (identityId) => {
        await remove(identityId);
        expect(await createIdentityDataStore(database).removeMarks(NEW_YEAR + DAY_MS)).toBe(2);
      },
    ],
    [
      'DeleteIdentityPool',
      async () => {
        await service.operations.DeleteIdentityPool({ IdentityPoolId: POOL }, DEVELOPER);
        // In the service, a scheduled function removes the row of the pool later.
        await database.query('DELETE FROM sync.identity_pools');
        isPoolMissing = true;
      },
    ],
  ])('finds the rows of merged identities after %s', async (_, deleteFirst) => {
    const ann = await getId(login('ann'));
    const guest = await mergeGuest(login('ann'));
    await deleteFirst(ann);
    expect(await tablesWith(ann, guest)).toEqual([]);
    await leaveRows(guest);
    expect(await tablesWith(guest)).toEqual(WITH_LEFT_ROWS);
    await expectErased(ann, [guest]);
    // A later run of erase still finds the guest, although it was erased before.
    await leaveRows(guest);
    await expectErased(ann, [guest]);
  });

  it('finds the rows of a deleted identity that had been merged into Ann, who was then merged into the erased identity', async () => {
    const facebook = login('ann', 'graph.facebook.com');
    const [ann, ben] = [await getId(facebook), await getId(login('ben'))];
    const guest = await mergeGuest(facebook);
    await database.query('DELETE FROM sync.pending_merges');
    await remove(guest);
    const Logins = { ...login('ben'), ...facebook };
    await service.operations.GetCredentialsForIdentity({ IdentityId: ben, Logins });
    await leaveRows(guest);
    await expectErased(ben, [ann, guest]);
    await leaveRows(guest);
    await expectErased(ben, [ann, guest]);
  });

  it('includes an identity that is merged into the erased identity while the erasure runs', async () => {
    const ann = await getId(login('ann'));
    await write(ann);
    let guest = '';
    const racing: Database = {
      ...database,
      async query(sql, values) {
        const result = await database.query<never>(sql, values);
        if (guest === '' && sql.includes('INSERT INTO projection.erased_identities')) {
          guest = await getId();
          await write(guest);
          await service.store.markUsed(guest, clock.now);
          const pending = createDeletingService(database, { mergeDatasets: async () => undefined });
          await pending.operations.GetCredentialsForIdentity({ IdentityId: guest, Logins: login('ann') });
          await leaveRows(guest);
        }
        return result;
      },
    };
    expect(await eraseOn(racing, ann)).toMatchObject({
      mergedIdentities: [guest],
      found: {
        queryStore: { datasets: 1, records: 1, quarantined: 2 },
        tables: { datasets: 2, records: 2, unpublishedEvents: 1, payloads: 1 },
      },
      remains: [],
    });
    expect(await tablesWith(ann, guest)).toEqual([]);
    // From now on, the query store ignores the events of both identities.
    await projectBatch(
      createQueryStore(database),
      await readDeliveries([deliver(toBytes(wireEvent({ identityId: guest })))]),
    );
    expect(await tablesWith(guest)).toEqual([]);
  });

  it('does not erase identities that were merged into an identity other than the erased one', async () => {
    const [ann] = [await getId(login('ann')), await getId(login('ben'))];
    const others = await mergeGuest(login('ben'));
    await remove(ann);
    await leaveRows(others);
    const { mergedIdentities } = await eraseOn(database, ann);
    expect(mergedIdentities).toEqual([]);
    expect(await tablesWith(others)).toEqual(expect.arrayContaining(WITH_LEFT_ROWS));
  });
});
