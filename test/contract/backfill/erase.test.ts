import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceTables } from '../../../infra/cli/commands/erase/service-tables.ts';
import { erase } from '../../../lib/backfill/erase/erase.ts';
import type { EraseOptions } from '../../../lib/backfill/erase/erasure-receipt.ts';
import type { IdentityDeletion } from '../../../lib/backfill/ports/identity-deletion.ts';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { createEraseStore } from '../../../lib/backfill/store/erase-store.ts';
import { createReconcileStore } from '../../../lib/backfill/store/reconcile-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { identityRowId } from '../../../lib/database/row-ids.ts';
import type { Delivery } from '../../../lib/projection/delivery.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQuarantineStore } from '../../../lib/projection/store/quarantine-store.ts';
import { createQueryStore, streamPositionId } from '../../../lib/projection/store/query-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import {
  deliver,
  IDENTITY,
  NEW_YEAR,
  POOL,
  readDeliveries,
  toBytes,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const WEEK_MS = 7 * DAY_MS;
const KEY = { identityPoolId: POOL, identityId: IDENTITY };
const OTHER = 'us-east-1:bbbbbbbb-0000-4000-8000-000000000002';
/** An identity id that starts with the complete id of the erased identity. */
const LONGER = `${IDENTITY}0`;
const OTHER_POOL = 'us-east-1:00000000-0000-4000-8000-000000000002';
const NOTHING = { datasets: 0, records: 0, quarantined: 0 };
const NO_ROWS = {
  identities: 0,
  logins: 0,
  devices: 0,
  datasets: 0,
  records: 0,
  pendingMerges: 0,
  pendingDeletions: 0,
  conflicts: 0,
  bridgedKeys: 0,
  unbridgedDatasets: 0,
  unpublishedEvents: 0,
  payloads: 0,
};

type Members = Parameters<typeof wireEvent>[0];
const event = (members?: Members) => deliver(toBytes(wireEvent(members)));

/** Returns a service that has its own database with this number of datasets of the identity. */
function serviceWith(datasets = 0): IdentityDeletion & { deleted: unknown[] } {
  const deleted: unknown[] = [];
  return {
    deleted,
    countDatasets: async () => (deleted.length > 0 ? 0 : datasets),
    deleteIdentity: async (identity) => void deleted.push(identity),
  };
}

describe.each(DATABASES)('erase on $name', ({ open }) => {
  let database: Database;
  const clock = { now: NEW_YEAR };
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    clock.now = NEW_YEAR;
    await deleteAllRows(database);
  });

  const project = async (deliveries: readonly Delivery[]) =>
    projectBatch(createQueryStore(database), await readDeliveries(deliveries));
  const eraseOn = (
    on: Database,
    service: IdentityDeletion | null = serviceWith(),
    options: Partial<EraseOptions> = {},
  ) =>
    erase(
      {
        queryStore: createEraseStore(on),
        tables: createServiceTables(on, () => clock.now),
        service,
        now: () => clock.now,
        sleep: async (ms) => {
          clock.now += ms;
        },
      },
      {
        ...KEY,
        isPoolMissing: false,
        isAmazons: true,
        retentionMs: null,
        isDryRun: false,
        ...options,
      },
    );
  const eraseIdentity = (service?: IdentityDeletion | null, options?: Partial<EraseOptions>) =>
    eraseOn(database, service, options);
  const found = async () => (await eraseIdentity()).found.queryStore;
  const rowsOf = async (table: string, order = '1') =>
    (await database.query<Record<string, unknown>>(`SELECT * FROM ${table} ORDER BY ${order}`)).rows;
  const everything = async () => ({
    datasets: await rowsOf('projection.datasets'),
    records: await rowsOf('projection.records', '1, 2'),
    quarantine: await rowsOf('projection.quarantine'),
    datedRemovals: await rowsOf('projection.dated_removals'),
  });
  /** Puts an event into the outbox. With `payloadOf`, also stores an offloaded payload of that identity. */
  const put = async (
    members: Members,
    { parked = null, payloadOf }: { parked?: string | null; payloadOf?: string } = {},
  ) => {
    const wire = wireEvent(members);
    const identityId = String(members?.identityId ?? IDENTITY);
    await database.query(
      `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts, parked_reason)
       VALUES ($1, $2, $3, now(), 0, $4)`,
      [randomUUID(), identityId, JSON.stringify(wire), parked],
    );
    if (payloadOf === undefined) return;
    const payloadId = randomUUID();
    await database.query('INSERT INTO sync.payloads VALUES ($1, $2, 1, $3)', [
      payloadId,
      '[',
      identityRowId({ identityPoolId: POOL, identityId: payloadOf }),
    ]);
    await database.query('INSERT INTO sync.payload_parts VALUES ($1, 1, $2)', [payloadId, ']']);
  };

  it('erases datasets and records, including removed datasets and tombstones', async () => {
    await project([
      event({ kinesisSyncRecords: [wireRecord(), wireRecord({ key: 'gone', value: null, op: 'remove' })] }),
      event({ datasetName: 'settings' }),
      event({ datasetName: 'settings', operation: 'remove', kinesisSyncRecords: null, syncCount: 2 }),
    ]);
    expect(await found()).toEqual({ ...NOTHING, datasets: 2, records: 3 });
    const { datasets, records } = await everything();
    expect([...datasets, ...records]).toEqual([]);
  });

  it('does not affect other identities, ids that begin with the erased id, or other pools', async () => {
    const others = [
      { identityId: OTHER },
      { identityId: LONGER },
      { identityPoolId: OTHER_POOL },
      // A copy made by a merge belongs to the surviving identity, although its name contains the erased id.
      { identityId: OTHER, datasetName: `game.${IDENTITY}` },
    ];
    const unstorable = { kinesisSyncRecords: [wireRecord({ value: '\0' })] };
    await project([...others.map(event), ...others.map((members) => event({ ...members, ...unstorable }))]);
    await project([
      deliver(Buffer.from(`not JSON, of ${LONGER}`)),
      deliver(Buffer.from(`not JSON, of x-${IDENTITY}`)),
    ]);
    const before = await everything();
    expect(before.quarantine).toHaveLength(others.length + 2);
    await project([event(), event(unstorable)]);
    expect(await found()).toEqual({ datasets: 1, records: 1, quarantined: 1 });
    expect(await everything()).toEqual(before);
  });

  it('erases events of the identity in quarantine, redriven or not, readable or not', async () => {
    const unstorable = event({ kinesisSyncRecords: [wireRecord({ value: '\0' })] });
    await project([
      unstorable,
      event({ kinesisSyncRecords: [wireRecord({ key: 1 })] }),
      deliver(Buffer.from(`{"identityId": "${IDENTITY}", "cut o`)),
      deliver(Buffer.from(IDENTITY)),
    ]);
    await createQuarantineStore(database).markRedriven(streamPositionId(unstorable.position), {
      isDismissed: false,
    });
    expect(await found()).toEqual({ ...NOTHING, quarantined: 4 });
    expect((await everything()).quarantine).toEqual([]);
  });

  it('erases all events of the identity in a large quarantine', async () => {
    const garbage = Array.from({ length: 120 }, (_, index) =>
      deliver(Buffer.from(index % 2 === 0 ? IDENTITY : OTHER)),
    );
    await project(garbage);
    expect(await found()).toEqual({ ...NOTHING, quarantined: 60 });
    expect((await everything()).quarantine).toHaveLength(60);
  });

  it('erases the version that was assigned to a removal event now in quarantine, and keeps those of other removals', async () => {
    const undated = {
      operation: 'remove',
      kinesisSyncRecords: null,
      lastModifiedDate: null,
      syncCount: null,
    };
    const removal = event(undated);
    const kept = event({ ...undated, datasetName: 'settings' });
    await project([removal, kept]);
    const refused = { ...removal, kind: 'refused' as const, reason: 'value-refused', ...KEY };
    await createQueryStore(database).quarantine([refused]);
    expect(await found()).toEqual({ ...NOTHING, datasets: 2, quarantined: 1 });
    expect((await everything()).datedRemovals).toMatchObject([
      { removal_id: streamPositionId(kept.position) },
    ]);
  });

  it('erases more rows than one transaction may change', async () => {
    const records = Array.from({ length: 6_000 }, (_, index) => ({
      key: `key ${index}`,
      value: 'v',
      version: { lastModifiedDate: NEW_YEAR, syncCount: 1 },
      deviceLastModifiedDate: null,
    }));
    const dataset = { ...KEY, datasetName: 'game' };
    const change = { dataset, version: { lastModifiedDate: NEW_YEAR, syncCount: 1 }, removal: null, records };
    await createQueryStore(database).apply([change]);
    const most: number[] = [];
    const counting: Database = {
      ...database,
      async query(sql, values) {
        const result = await database.query<never>(sql, values);
        most.push(result.rowsChanged);
        return result;
      },
    };
    const { found: before, left } = await eraseOn(counting);
    expect(before.queryStore).toEqual({ ...NOTHING, datasets: 1, records: 6_000 });
    expect(left.queryStore).toEqual(NOTHING);
    expect(Math.max(...most)).toBeLessThanOrEqual(2_500);
  });

  it('erases a record that is written while its dataset is erased', async () => {
    await project([event()]);
    let isFirst = true;
    const racing: Database = {
      ...database,
      async query(sql, values) {
        const result = await database.query<never>(sql, values);
        if (isFirst && sql.includes('RETURNING dataset_id')) {
          isFirst = false;
          // A batch that began before the erasure writes the record only now.
          await database.query('DELETE FROM projection.erased_identities');
          await project([event()]);
          await database.query('DELETE FROM projection.datasets');
        }
        return result;
      },
    };
    await eraseOn(racing);
    expect((await everything()).records).toEqual([]);
  });

  it('keeps events of every kind that arrive after the erasure out of the tables, also those of merged identities', async () => {
    await createPool(database);
    const insert = 'INSERT INTO identity.identities VALUES ($1, $2, 1, 1, $3)';
    await database.query(insert, [IDENTITY, POOL, null]);
    await database.query(insert, [OTHER, POOL, IDENTITY]);
    await project([event(), event({ identityId: OTHER })]);
    const { mergedIdentities, found: before } = await eraseIdentity();
    expect(mergedIdentities).toEqual([OTHER]);
    expect(before.queryStore).toEqual({ ...NOTHING, datasets: 2, records: 2 });

    const late = (members: Members) => [
      event({ ...members, syncCount: 9, lastModifiedDate: NEW_YEAR + DAY_MS / 2 }),
      event({ ...members, operation: 'remove', kinesisSyncRecords: null, syncCount: 10 }),
      event({ ...members, kinesisSyncRecords: [wireRecord({ value: '\0' })] }),
      event({ ...members, lastModifiedDate: NEW_YEAR + 9 * DAY_MS }),
      event({
        ...members,
        payloadType: 'S3Url',
        kinesisSyncRecords: null,
        kinesisSyncRecordsURL: 'http://127.0.0.1:4580/payloads/erased',
      }),
    ];
    await project([
      ...late({}),
      ...late({ identityId: OTHER }),
      ...late({ datasetName: 'new' }),
      event({ identityId: LONGER }),
    ]);
    const { datasets, records, quarantine } = await everything();
    expect([datasets, records]).toMatchObject([[{ identity_id: LONGER }], [{}]]);
    expect(quarantine).toEqual([]);
  });

  it('shortens the erased id in the saved progress of a reconciliation, which then compares a few identities again', async () => {
    const store = createReconcileStore(database);
    const { startedAt } = await store.beginReconciliation(POOL, NEW_YEAR, { restart: false });
    const after = { identityId: IDENTITY, datasetName: 'game' };
    await store.saveReconciliation(POOL, { startedAt, after, compared: 5, repaired: 1 });
    await eraseIdentity();
    expect(await store.beginReconciliation(POOL, NEW_YEAR, { restart: false })).toEqual({
      startedAt,
      after: { identityId: 'us-east-1:aa', datasetName: '' },
      compared: 5,
      repaired: 1,
    });
  });

  it('erases the payloads, parked events and unpublished record events of the identity, if the service uses this database', async () => {
    await createPool(database);
    await put({}, { payloadOf: IDENTITY });
    await put({ kinesisSyncRecords: [wireRecord({ value: '"operation":"remove"' })] });
    await put({ operation: 'remove', kinesisSyncRecords: null }, { parked: 'refused' });
    await put({ identityId: OTHER }, { payloadOf: OTHER });
    await put({ identityPoolId: OTHER_POOL });
    const { found: before, left, remains } = await eraseIdentity();
    expect(before.tables).toEqual({ ...NO_ROWS, unpublishedEvents: 3, payloads: 1 });
    expect(left.tables).toEqual(NO_ROWS);
    expect(remains).toEqual([]);
    expect(await rowsOf('sync.outbox')).toHaveLength(2);
    expect(await rowsOf('sync.payloads')).toMatchObject([
      { identity_row_id: identityRowId({ identityPoolId: POOL, identityId: OTHER }) },
    ]);
    expect(await rowsOf('sync.payload_parts')).toHaveLength(1);
  });

  it('lets the service publish the events of deleted datasets, and erases the events still unpublished a day later', async () => {
    await createPool(database);
    await put({ operation: 'remove', kinesisSyncRecords: null });
    expect((await eraseIdentity()).remains).toEqual([{ kind: 'waiting-removals', events: 1 }]);
    expect(clock.now).toBeGreaterThan(NEW_YEAR + 9_000);
    expect(await rowsOf('sync.outbox')).toHaveLength(1);
    clock.now += DAY_MS + 1;
    expect((await eraseIdentity()).remains).toEqual([]);
    expect(await rowsOf('sync.outbox')).toEqual([]);
  });

  it('shortens the erased id in the saved progress of a bulk publish', async () => {
    await createPool(database);
    await database.query(
      `INSERT INTO sync.bulk_publishes (identity_pool_id, bulk_publish_id, status, started_ms, all_in_outbox,
         last_identity_id, last_dataset_name)
       VALUES ($1, $2, 'IN_PROGRESS', 1, false, $3, 'game')`,
      [POOL, randomUUID(), IDENTITY],
    );
    await eraseIdentity();
    expect(await rowsOf('sync.bulk_publishes')).toMatchObject([
      { last_identity_id: 'us-east-1:aa', last_dataset_name: '' },
    ]);
  });

  it('does not touch the outbox of this database if the service has the pool in another database', async () => {
    await put({}, { payloadOf: IDENTITY });
    const { found: before, remains } = await eraseIdentity(serviceWith(), { isAmazons: false });
    expect(before.tables).toBeNull();
    expect(remains).toEqual([{ kind: 'other-database', until: NEW_YEAR + WEEK_MS }]);
    expect(await rowsOf('sync.outbox')).toHaveLength(1);
  });

  it('erases the events and payloads that a deleted pool left behind', async () => {
    const options = { isPoolMissing: true, isAmazons: false };
    await put({}, { payloadOf: IDENTITY });
    await put({ operation: 'remove', kinesisSyncRecords: null });
    const { found: before, left, remains } = await eraseIdentity(null, options);
    expect(before.tables).toEqual({ ...NO_ROWS, unpublishedEvents: 1, payloads: 1 });
    expect(left.tables).toEqual(NO_ROWS);
    expect(remains).toEqual([{ kind: 'waiting-removals', events: 1 }]);
    expect([await rowsOf('sync.outbox'), await rowsOf('sync.payloads')]).toMatchObject([[{}], []]);
    expect((await eraseIdentity(null, options)).remains).toEqual(remains);
    clock.now += DAY_MS + 1;
    expect((await eraseIdentity(null, options)).remains).toEqual([]);
    expect(await rowsOf('sync.outbox')).toEqual([]);
  });

  it('deletes the identity at a service with another database, and reports datasets that a device wrote after that', async () => {
    const service = serviceWith(2);
    const { found: before, left, remains } = await eraseIdentity(service);
    expect(service.deleted).toEqual([expect.objectContaining(KEY)]);
    expect([before.datasetsAtService, left.datasetsAtService, remains]).toEqual([2, 0, []]);
    const written = { ...service, countDatasets: async () => 1 };
    expect((await eraseIdentity(written)).remains).toEqual([{ kind: 'datasets-at-service', datasets: 1 }]);
  });

  it('deletes the identity in the tables of the service, even if the schema `identity` has no row of it', async () => {
    await createPool(database);
    const insert = 'INSERT INTO identity.identities VALUES ($1, $2, 1, 1, $3)';
    await database.query(insert, [IDENTITY, POOL, null]);
    await database.query(insert, [OTHER, POOL, IDENTITY]);
    const login = 'INSERT INTO identity.logins VALUES ($1, $2, $3, $4, $5, 1)';
    await database.query(login, [randomUUID(), POOL, 'accounts.google.com', 'ada', IDENTITY]);
    const unknown = { identityPoolId: POOL, identityId: LONGER };
    for (const { identityPoolId, identityId } of [KEY, { ...KEY, identityId: OTHER }, unknown]) {
      const values = [identityRowId({ identityPoolId, identityId }), identityPoolId, identityId];
      await database.query('INSERT INTO sync.identities VALUES ($1, $2, $3)', values);
    }
    const service = serviceWith(1);
    const { found: before, left } = await eraseIdentity(service);
    expect([before.tables, left.tables]).toEqual([{ ...NO_ROWS, identities: 2, logins: 1 }, NO_ROWS]);
    expect((await eraseIdentity(service, unknown)).remains).toEqual([]);
    for (const table of ['identity.identities', 'identity.logins', 'sync.identities']) {
      expect(await rowsOf(table)).toEqual([]);
    }
    expect(service.deleted).toEqual([]);
  });

  it('is complete only when the stream no longer holds events of the identity', async () => {
    await project([event()]);
    const options = { retentionMs: WEEK_MS };
    const until = NEW_YEAR + WEEK_MS;
    expect((await eraseIdentity(serviceWith(1), options)).remains).toEqual([{ kind: 'stream', until }]);
    clock.now += DAY_MS;
    expect((await eraseIdentity(serviceWith(), options)).remains).toEqual([{ kind: 'stream', until }]);
    clock.now = until;
    expect(await eraseIdentity(serviceWith(), options)).toMatchObject({ erasedAt: NEW_YEAR, remains: [] });
    // Events of data that is erased later may stay on the stream for another retention period.
    expect((await eraseIdentity(serviceWith(1), options)).remains).toEqual([
      { kind: 'stream', until: until + WEEK_MS },
    ]);
  });

  it('erases in the database even if the call to the service fails, and reports that failure', async () => {
    await project([event()]);
    const error = new SyncClientError('not-authorized', 'not for you');
    const failing = { ...serviceWith(1), deleteIdentity: () => Promise.reject(error) };
    expect(await eraseIdentity(failing)).toMatchObject({
      left: { queryStore: NOTHING },
      remains: [{ kind: 'service', error }],
    });
    expect((await eraseIdentity(null)).remains).toEqual([{ kind: 'service', error: null }]);
  });

  it('counts without erasing anything in a dry run', async () => {
    await project([event(), event({ kinesisSyncRecords: [wireRecord({ value: '\0' })] })]);
    await put({}, { payloadOf: IDENTITY });
    const before = [await everything(), await rowsOf('sync.outbox'), await rowsOf('sync.payloads')];
    const service = serviceWith(1);
    const queryStore = { datasets: 1, records: 1, quarantined: 1 };
    const nothingDone = { erasedAt: null, remains: [] };
    expect(await eraseIdentity(service, { isDryRun: true })).toMatchObject({
      found: { queryStore, tables: null, datasetsAtService: 1 },
      ...nothingDone,
    });
    await createPool(database);
    expect(await eraseIdentity(service, { isDryRun: true })).toMatchObject({
      found: { queryStore, tables: { unpublishedEvents: 1, payloads: 1 }, datasetsAtService: null },
      ...nothingDone,
    });
    expect(service.deleted).toEqual([]);
    expect([await everything(), await rowsOf('sync.outbox'), await rowsOf('sync.payloads')]).toEqual(before);
    await project([event({ datasetName: 'settings' })]);
    expect((await everything()).datasets).toHaveLength(2);
  });

  it('refuses an identity that belongs to another pool or was merged into another identity', async () => {
    await createPool(database);
    await database.query('INSERT INTO identity.identities VALUES ($1, $2, 1, 1, $3)', [
      IDENTITY,
      POOL,
      OTHER,
    ]);
    await project([event()]);
    await expect(eraseIdentity()).rejects.toThrow(
      `${IDENTITY} was merged into ${OTHER}, so nothing was erased; erase ${OTHER} instead, which also erases ${IDENTITY}`,
    );
    await expect(eraseIdentity(null, { identityPoolId: OTHER_POOL })).rejects.toThrow(
      `${IDENTITY} belongs to the pool ${POOL}, so nothing was erased; check --pool`,
    );
    expect((await everything()).datasets).toHaveLength(1);
    expect(await rowsOf('identity.identities')).toHaveLength(1);
    await project([event({ datasetName: 'settings' })]);
    expect((await everything()).datasets).toHaveLength(2);
  });

  it('returns a receipt without stored data', async () => {
    await createPool(database);
    await project([
      event({
        datasetName: 'the_set',
        kinesisSyncRecords: [wireRecord({ key: 'the key', value: 'the value' })],
      }),
    ]);
    const receipt = await eraseIdentity();
    expect(receipt).toEqual({
      ...KEY,
      mergedIdentities: [],
      isDryRun: false,
      found: {
        queryStore: { ...NOTHING, datasets: 1, records: 1 },
        tables: NO_ROWS,
        datasetsAtService: null,
      },
      left: { queryStore: NOTHING, tables: NO_ROWS, datasetsAtService: null },
      erasedAt: NEW_YEAR,
      remains: [],
    });
    expect(JSON.stringify(receipt)).not.toMatch(/the key|the value|the_set/);
  });
});
