import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type ErasedRows, forget } from '../../../lib/backfill/forget/forget.ts';
import { type SyncClient, SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { createForgetStore } from '../../../lib/backfill/store/forget-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { Delivery } from '../../../lib/projection/delivery.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQuarantineStore } from '../../../lib/projection/store/quarantine-store.ts';
import { createQueryStore, streamPositionId } from '../../../lib/projection/store/query-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
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

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;
const OTHER = 'us-east-1:bbbbbbbb-0000-4000-8000-000000000002';
/** An identity id that starts with the complete id of the erased identity. */
const LONGER = `${IDENTITY}0`;
const OTHER_POOL = 'us-east-1:00000000-0000-4000-8000-000000000002';
const NOTHING: ErasedRows = { datasets: 0, records: 0, quarantined: 0, datedRemovals: 0, payloads: 0 };
const noDatasets: SyncClient['listDatasets'] = async () => [];

type Members = Parameters<typeof wireEvent>[0];
const event = (members?: Members) => deliver(toBytes(wireEvent(members)));
const offloaded = (identityId: string, payloadId: string) =>
  event({
    identityId,
    payloadType: 'S3Url',
    kinesisSyncRecords: null,
    kinesisSyncRecordsURL: `http://127.0.0.1:4580/payloads/${payloadId}?expires=1&signature=s`,
  });

describe.each(DATABASES)('forget on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'projection.datasets',
      'projection.records',
      'projection.quarantine',
      'projection.dated_removals',
      'sync.payloads',
      'sync.outbox',
    ]);
  });

  const project = async (deliveries: readonly Delivery[]) =>
    projectBatch(createQueryStore(database), await readDeliveries(deliveries));
  const forgetIdentity = (listDatasets = noDatasets, retentionMs?: number) =>
    forget(
      { store: createForgetStore(database), api: { listDatasets }, now: () => NEW_YEAR },
      { identityPoolId: POOL, identityId: IDENTITY, ...(retentionMs !== undefined && { retentionMs }) },
    );
  const erased = async () => (await forgetIdentity()).erased;
  const put = async (payloadId: string) => {
    await database.query("INSERT INTO sync.payloads VALUES ($1, '[]', 1)", [payloadId]);
    return payloadId;
  };
  const everything = async () => {
    const rows = async (sql: string) => (await database.query(sql)).rows;
    return {
      datasets: await rows('SELECT * FROM projection.datasets ORDER BY dataset_id'),
      records: await rows('SELECT * FROM projection.records ORDER BY dataset_id, record_id'),
      quarantine: await rows('SELECT * FROM projection.quarantine ORDER BY quarantine_id'),
      datedRemovals: await rows('SELECT * FROM projection.dated_removals ORDER BY removal_id'),
      payloads: await rows('SELECT * FROM sync.payloads ORDER BY payload_id'),
    };
  };

  it('erases datasets and records, including removed datasets and tombstones', async () => {
    await project([
      event({ kinesisSyncRecords: [wireRecord(), wireRecord({ key: 'gone', value: null, op: 'remove' })] }),
      event({ datasetName: 'settings' }),
      event({ datasetName: 'settings', operation: 'remove', kinesisSyncRecords: null, syncCount: 2 }),
    ]);
    expect(await erased()).toEqual({ ...NOTHING, datasets: 2, records: 3 });
    const { datasets, records } = await everything();
    expect([...datasets, ...records]).toEqual([]);
  });

  it('does not affect other identities, longer ids or other pools', async () => {
    const others = [
      { identityId: OTHER },
      { identityId: LONGER },
      { identityPoolId: OTHER_POOL },
      // A copy made by a merge belongs to the surviving identity, although its name contains the erased id.
      { identityId: OTHER, datasetName: `game.${IDENTITY}` },
    ];
    await project(others.map(event));
    await project(
      others.map((members) => event({ ...members, kinesisSyncRecords: [wireRecord({ value: '\0' })] })),
    );
    await project([
      deliver(Buffer.from(`not JSON, of ${LONGER}`)),
      deliver(Buffer.from(`not JSON, of x-${IDENTITY}`)),
    ]);
    const payloadId = await put(randomUUID());
    await project([offloaded(OTHER, payloadId)]);
    const before = await everything();
    expect(before.quarantine).toHaveLength(others.length + 3);

    expect(await erased()).toEqual(NOTHING);
    await project([event(), event({ kinesisSyncRecords: [wireRecord({ value: '\0' })] })]);
    expect(await erased()).toEqual({ ...NOTHING, datasets: 1, records: 1, quarantined: 1 });
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
    await createQuarantineStore(database).markRedriven(streamPositionId(unstorable.position));
    expect(await erased()).toEqual({ ...NOTHING, quarantined: 4 });
  });

  it('erases all events of the identity in a large quarantine', async () => {
    const garbage = Array.from({ length: 120 }, (_, index) =>
      deliver(Buffer.from(index % 2 === 0 ? IDENTITY : OTHER)),
    );
    await project(garbage);
    expect(await erased()).toEqual({ ...NOTHING, quarantined: 60 });
    expect((await everything()).quarantine).toHaveLength(60);
  });

  it('erases offloaded records that an event in quarantine refers to', async () => {
    const own = await put(randomUUID());
    const other = await put(randomUUID());
    await project([offloaded(IDENTITY, own), offloaded(OTHER, other), offloaded(IDENTITY, 'no-uuid')]);
    expect(await erased()).toEqual({ ...NOTHING, quarantined: 2, payloads: 1 });
    expect((await everything()).payloads).toMatchObject([{ payload_id: other }]);
  });

  it('erases the version assigned to a removal in quarantine, and keeps the versions of other removals', async () => {
    const undated = {
      operation: 'remove',
      kinesisSyncRecords: null,
      lastModifiedDate: null,
      syncCount: null,
    };
    const removal = event(undated);
    const kept = event({ ...undated, datasetName: 'settings' });
    await project([removal, kept]);
    const refused = { ...removal, kind: 'refused' as const, reason: 'value-refused', identityPoolId: POOL };
    await createQueryStore(database).quarantine([refused]);
    expect(await erased()).toEqual({ ...NOTHING, datasets: 2, quarantined: 1, datedRemovals: 1 });
    expect((await everything()).datedRemovals).toMatchObject([
      { removal_id: streamPositionId(kept.position) },
    ]);
  });

  it('does not change the outbox of the service', async () => {
    await database.query(
      'INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts) VALUES ($1, $2, $3, now(), 0)',
      [randomUUID(), IDENTITY, '{}'],
    );
    expect(await erased()).toEqual(NOTHING);
    expect((await database.query('SELECT 1 FROM sync.outbox')).rows).toHaveLength(1);
  });

  it('erases more rows than one transaction may change', async () => {
    const records = Array.from({ length: 6_000 }, (_, index) => ({
      key: `key ${index}`,
      value: 'v',
      version: { lastModifiedDate: NEW_YEAR, syncCount: 1 },
      deviceLastModifiedDate: null,
    }));
    const dataset = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };
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
    const deps = { store: createForgetStore(counting), api: null, now: () => NEW_YEAR };
    const receipt = await forget(deps, { identityPoolId: POOL, identityId: IDENTITY });
    expect(receipt.erased).toEqual({ ...NOTHING, datasets: 1, records: 6_000 });
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
          await project([event()]);
          await database.query('DELETE FROM projection.datasets');
        }
        return result;
      },
    };
    const deps = { store: createForgetStore(racing), api: null, now: () => NEW_YEAR };
    const receipt = await forget(deps, { identityPoolId: POOL, identityId: IDENTITY });
    expect(receipt.erased).toEqual({ ...NOTHING, datasets: 1, records: 2 });
    expect((await everything()).records).toEqual([]);
  });

  it('returns a receipt that names what can be restored, but contains no stored data', async () => {
    await project([event({ kinesisSyncRecords: [wireRecord({ key: 'the key', value: 'the value' })] })]);
    const receipt = await forgetIdentity(async () => ['game', 'settings']);
    expect(receipt).toEqual({
      identityPoolId: POOL,
      identityId: IDENTITY,
      forgottenAt: NEW_YEAR,
      erased: { ...NOTHING, datasets: 1, records: 1 },
      holdsStill: ['game', 'settings'],
      notKnown: null,
      repeatAfter: NEW_YEAR + WEEK_MS,
    });
    expect(JSON.stringify(receipt)).not.toMatch(/the key|the value/);
    expect(await forgetIdentity(undefined, 1_000)).toMatchObject({
      erased: NOTHING,
      holdsStill: [],
      repeatAfter: NEW_YEAR + 1_000,
    });
  });

  it('also erases if the service does not respond, and reports that', async () => {
    await project([event()]);
    const refusing = () => Promise.reject(new SyncClientError('not-authorized', 'not for you'));
    expect(await forgetIdentity(refusing)).toMatchObject({
      erased: { datasets: 1 },
      holdsStill: null,
      notKnown: 'not-authorized: not for you',
    });
    const deps = { store: createForgetStore(database), api: null, now: () => NEW_YEAR };
    expect(await forget(deps, { identityPoolId: POOL, identityId: IDENTITY })).toMatchObject({
      holdsStill: null,
      notKnown: 'no service was queried',
    });
  });
});
