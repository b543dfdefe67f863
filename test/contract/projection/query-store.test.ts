import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database, SqlValue } from '../../../lib/database/database.ts';
import { recordId } from '../../../lib/database/row-ids.ts';
import { READER_ROLE } from '../../../lib/database/schema/roles.ts';
import type { Delivery, StreamPosition } from '../../../lib/projection/delivery.ts';
import type { QueryStore } from '../../../lib/projection/ports/query-store.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
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

type Members = Parameters<typeof wireEvent>[0];

describe.each(DATABASES)('the query store on $name', ({ open }) => {
  let database: Database;
  let store: QueryStore;

  beforeAll(async () => {
    database = await open();
    store = createQueryStore(database);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(database, [
      'projection.datasets',
      'projection.records',
      'projection.quarantine',
      'projection.stream_progress',
    ]);
  });

  const projectAll = async (deliveries: readonly Delivery[]) =>
    projectBatch(store, await readDeliveries(deliveries));
  const projectData = (...data: Uint8Array[]) => projectAll(data.map((bytes) => deliver(bytes)));
  const project = (...events: Members[]) =>
    projectData(...events.map((members) => toBytes(wireEvent(members))));
  /** Projects events. @returns the statements, and the number of rows that they returned or changed */
  const counted = async (events: readonly Members[]) => {
    const statements: string[] = [];
    let touched = 0;
    const counting: Database = {
      ...database,
      async query<Row>(sql: string, sqlValues?: readonly SqlValue[]) {
        const result = await database.query<Row>(sql, sqlValues);
        statements.push(sql);
        touched += Math.max(result.rows.length, result.rowsChanged);
        return result;
      },
    };
    const deliveries = events.map((members) => deliver(toBytes(wireEvent(members))));
    await projectBatch(createQueryStore(counting), await readDeliveries(deliveries));
    return { statements: statements.toSorted(), rows: touched };
  };
  const rows = async (sql: string) => (await database.query(sql)).rows;
  const values = async () =>
    Object.fromEntries(
      (
        await database.query<{ record_key: string; record_value: string }>('SELECT * FROM query.records')
      ).rows.map((row) => [row.record_key, row.record_value]),
    );
  /** Creates an update of the dataset `game`, dated `at` milliseconds after NEW_YEAR. */
  const update = (at: number, syncCount: number, ...records: Members[]): Members => ({
    lastModifiedDate: NEW_YEAR + at,
    syncCount,
    kinesisSyncRecords: records.map((record) =>
      wireRecord({ syncCount, lastModifiedDate: NEW_YEAR + at, ...record }),
    ),
  });
  const removal = (at: number, syncCount: number): Members => ({
    operation: 'remove',
    kinesisSyncRecords: null,
    lastModifiedDate: NEW_YEAR + at,
    syncCount,
  });

  it('shows a record with its ids, numeric value and times', async () => {
    expect(await project(update(123, 7, { value: '4.50' }))).toEqual({
      events: 1,
      records: 1,
      recordsChanged: 1,
      quarantined: 0,
    });
    expect(await rows('SELECT * FROM query.records')).toEqual([
      {
        identity_pool_id: POOL,
        identity_id: IDENTITY,
        dataset_name: 'game',
        record_key: 'score',
        record_value: '4.50',
        numeric_value: '4.50',
        sync_count: 7,
        last_modified_date: new Date(NEW_YEAR + 123),
        device_last_modified_date: new Date(NEW_YEAR - 500),
        projected_at: expect.any(Date),
        record_id: recordId('score'),
      },
    ]);
  });

  it('shows a dataset with its count of live records', async () => {
    await project(update(0, 1, { key: 'a' }, { key: 'b' }, { key: 'c', op: 'remove', value: null }));
    expect(await rows('SELECT * FROM query.datasets')).toEqual([
      {
        identity_pool_id: POOL,
        identity_id: IDENTITY,
        dataset_name: 'game',
        sync_count: 1,
        last_modified_date: new Date(NEW_YEAR),
        deleted: false,
        record_count: 2,
        projected_at: expect.any(Date),
      },
    ]);
  });

  it('stores every value byte for byte', async () => {
    const unusual = [
      '',
      ' ',
      '\t\r\n',
      '\\',
      '"',
      '{}',
      '{"a":[1]}',
      "'; DROP TABLE x; --",
      'NULL',
      'null',
      '\u{1F600}é鍵',
      '\uFEFFbom',
      '\u007f\u0001',
    ];
    await project(
      update(0, 1, ...unusual.map((value, index) => ({ key: `${index}${value || 'empty'}`, value }))),
    );
    expect(await values()).toEqual(
      Object.fromEntries(unusual.map((value, index) => [`${index}${value || 'empty'}`, value])),
    );
  });

  it('accepts 1,024 records, the longest keys and a 1 MB value in one event', async () => {
    const records = Array.from({ length: 1024 }, (_, index) => ({
      key: `${index}${'鍵'.repeat(1000)}`,
      value: 'v',
    }));
    const big = 'x'.repeat(1_048_575);
    await project(update(0, 1, ...records, { key: 'big', value: big }));
    const stored = await values();
    expect(Object.keys(stored)).toHaveLength(1025);
    expect(stored.big).toBe(big);
  });

  it('writes more rows than fit into one statement', async () => {
    const events = Array.from({ length: 40 }, (_, dataset) => ({
      ...update(0, 1, ...Array.from({ length: 150 }, (_, key) => ({ key: `k${key}` }))),
      datasetName: `d${dataset}`,
    }));
    expect(await project(...events)).toMatchObject({ records: 6000, recordsChanged: 6000 });
    expect(await project(...events)).toMatchObject({ records: 6000, recordsChanged: 0 });
    expect(await rows('SELECT count(*) FROM query.records')).toEqual([{ count: 6000 }]);
  });

  it.each([
    ['in order', [0, 1]],
    ['in reverse order', [1, 0]],
  ])('keeps the newer write: %s', async (_, order) => {
    const writes = [update(1, 1, { value: 'old' }), update(2, 2, { value: 'new' })];
    for (const index of order) await project(writes[index]);
    expect(await values()).toEqual({ score: 'new' });
    expect(await rows('SELECT sync_count FROM query.datasets')).toEqual([{ sync_count: 2 }]);
  });

  it('compares the dates, and the sync counts if the dates are equal', async () => {
    await project(update(5, 1, { value: 'later date' }));
    await project(update(4, 9, { value: 'higher count' }));
    expect(await values()).toEqual({ score: 'later date' });
    await project(update(5, 2, { value: 'later date, higher count' }));
    expect(await values()).toEqual({ score: 'later date, higher count' });
  });

  it('keeps the write that was projected first if two writes have the same version', async () => {
    await project(update(1, 1, { value: 'first' }));
    expect(await project(update(1, 1, { value: 'second' }))).toMatchObject({ recordsChanged: 0 });
    expect(await values()).toEqual({ score: 'first' });
  });

  it('uses the last entry if an event has two entries with the same key and version', async () => {
    await project(update(1, 1, { value: 'first' }, { value: 'last' }));
    expect(await values()).toEqual({ score: 'last' });
  });

  it('uses the newer entry if an event has two entries with the same key, in either order', async () => {
    const newer = { value: 'newer', lastModifiedDate: NEW_YEAR + 2, syncCount: 2 };
    const older = { value: 'older', lastModifiedDate: NEW_YEAR + 2, syncCount: 1 };
    await project(
      update(2, 2, newer, older, { ...older, key: 'b' }, { ...newer, key: 'b' }),
      update(2, 2, { ...newer, key: 'c', op: 'remove' }, { ...older, key: 'c' }),
    );
    expect(await values()).toEqual({ score: 'newer', b: 'newer' });
  });

  it('projects a removal even if another record of the event has a nonsensical device date', async () => {
    await project(update(1, 1, { key: 'a' }, { key: 'b' }));
    await project(
      update(2, 2, { key: 'a', op: 'remove' }, { key: 'b', deviceLastModifiedDate: NEW_YEAR * 1000 }),
    );
    expect(await rows('SELECT record_key, sync_count, device_last_modified_date FROM query.records')).toEqual(
      [{ record_key: 'b', sync_count: 2, device_last_modified_date: null }],
    );
    expect(await rows('SELECT reason FROM query.quarantine')).toEqual([]);
  });

  it('ignores a write that is older than the removal of its record', async () => {
    await project(update(2, 2, { op: 'remove', value: null }));
    await project(update(1, 1, { value: 'zombie' }));
    expect(await values()).toEqual({});
    await project(update(3, 3, { value: 'again' }));
    expect(await values()).toEqual({ score: 'again' });
  });

  it('keeps the tombstones of a removed dataset, but no values', async () => {
    await project(update(1, 1, { key: 'a' }, { key: 'b' }), removal(2, 2));
    expect(await values()).toEqual({});
    expect(await rows('SELECT deleted, record_count FROM query.datasets')).toEqual([
      { deleted: true, record_count: 0 },
    ]);
    expect(await rows('SELECT record_value, numeric_value FROM projection.records')).toEqual([
      { record_value: null, numeric_value: null },
      { record_value: null, numeric_value: null },
    ]);
  });

  it('stores no value of a write that arrives after a newer removal of the dataset', async () => {
    await project(removal(2, 2));
    await project(update(1, 1, { key: 'late' }));
    expect(await rows('SELECT record_key, record_value FROM projection.records')).toEqual([
      { record_key: 'late', record_value: null },
    ]);
    expect(await values()).toEqual({});
  });

  it('accepts a recreated dataset whose sync count starts again', async () => {
    await project(update(1, 8, { key: 'old' }), removal(2, 9), update(3, 1, { key: 'new' }));
    expect(Object.keys(await values())).toEqual(['new']);
    expect(await rows('SELECT deleted, sync_count FROM query.datasets')).toEqual([
      { deleted: false, sync_count: 1 },
    ]);
  });

  it('erases a removed dataset with more rows than a transaction may change', async () => {
    for (let part = 0; part < 3; part += 1) {
      await project(
        update(part, part, ...Array.from({ length: 1000 }, (_, index) => ({ key: `${part}-${index}` }))),
      );
    }
    await project(removal(9, 9));
    expect(await rows('SELECT count(*) FROM projection.records WHERE record_value IS NOT NULL')).toEqual([
      { count: 0 },
    ]);
  });

  it('erases the values of several removed datasets together, and values of these datasets that arrive late', async () => {
    const inDataset = (datasetName: string, members: Members) => ({ ...members, datasetName });
    const names = ['one', 'two', 'three'];
    await project(...names.map((name) => inDataset(name, update(1, 1, { key: 'a' }, { key: 'b' }))));
    const { statements } = await counted(names.map((name) => inDataset(name, removal(5, 5))));
    // The second statement finds nothing more to erase.
    expect(statements.filter((sql) => sql.includes('record_value = NULL'))).toHaveLength(2);
    await project(
      inDataset('one', update(4, 4, { key: 'late' }, { key: 'new', lastModifiedDate: NEW_YEAR + 6 })),
      inDataset('two', update(6, 6, { key: 'again' })),
    );
    expect(await values()).toEqual({ new: '42', again: '42' });
    expect(await rows('SELECT count(*) FROM projection.records WHERE record_value IS NOT NULL')).toEqual([
      { count: 2 },
    ]);
  });

  it('runs the same statements, with as many rows, for datasets that were deleted before as for existing datasets', async () => {
    const ofGroup = (group: string, members: Members) =>
      Array.from({ length: 40 }, (_, index) => ({ ...members, datasetName: `${group}${index}` }));
    await project(...ofGroup('deleted', removal(2, 2)), ...ofGroup('other', update(2, 2, {})));
    const later = update(3, 3, { key: 'a' }, { key: 'b' });
    const deleted = await counted(ofGroup('deleted', later));
    const other = await counted(ofGroup('other', later));
    expect(deleted).toEqual(other);
    expect(other.rows).toBe(40 + 80);
  });

  it('hides a record that is older than the removal of its dataset, even if a concurrent write left its value', async () => {
    await project(update(1, 1, { key: 'covered' }), removal(2, 2));
    await database.query(`UPDATE projection.records SET record_value = 'left by the race'`);
    expect(await values()).toEqual({});
    expect(await rows('SELECT record_count FROM query.datasets')).toEqual([{ record_count: 0 }]);
  });

  it('applies a dataset removal without a version to everything that arrived before it', async () => {
    const undated = {
      operation: 'remove',
      kinesisSyncRecords: null,
      lastModifiedDate: null,
      syncCount: null,
    };
    await project(update(1, 1, { key: 'stored before' }));
    await project(update(2, 2, { key: 'before in the batch' }), undated, update(3, 3, { key: 'after' }));
    expect(Object.keys(await values())).toEqual(['after']);
    await project(undated);
    expect(await values()).toEqual({});
  });

  it('keeps later writes if a dataset removal without a version is delivered again', async () => {
    const undated = deliver(
      toBytes(
        wireEvent({ operation: 'remove', kinesisSyncRecords: null, lastModifiedDate: null, syncCount: null }),
      ),
      NEW_YEAR + 100,
    );
    await project(update(1, 1, { key: 'before' }));
    // An event gets its date before it reaches the stream. The date of this event is earlier than the arrival of
    // the removal, but the event arrives after the removal.
    const since = deliver(toBytes(wireEvent(update(95, 3, { key: 'since' }))), NEW_YEAR + 101);
    for (let delivery = 0; delivery < 2; delivery += 1) {
      await projectAll([undated, since]);
      expect(Object.keys(await values())).toEqual(['since']);
    }
    await projectAll([undated]);
    expect(Object.keys(await values())).toEqual(['since']);
  });

  it('separates datasets of the same name by pool and identity', async () => {
    const other = 'us-east-1:bbbbbbbb-0000-4000-8000-000000000001';
    await project(
      update(1, 1, {}),
      { ...update(1, 1, {}), identityId: other },
      { ...update(1, 1, {}), identityPoolId: other },
    );
    await project({ ...removal(2, 2), identityId: other });
    expect(await rows('SELECT identity_pool_id, identity_id FROM query.records ORDER BY 1')).toEqual([
      { identity_pool_id: POOL, identity_id: IDENTITY },
      { identity_pool_id: other, identity_id: IDENTITY },
    ]);
  });

  it('quarantines unreadable events once, with their data, and projects all other events', async () => {
    const nul = toBytes(
      wireEvent({ datasetName: 'nul', kinesisSyncRecords: [wireRecord({ value: 'a\0b' })] }),
    );
    const garbage = Buffer.from('\0\xffgarbage', 'latin1');
    const batch = [nul, toBytes(wireEvent()), garbage].map((data) => deliver(data));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      expect(await projectAll(batch)).toMatchObject({ events: 3, quarantined: 2 });
    }
    expect(await values()).toEqual({ score: '42' });
    expect(await rows('SELECT * FROM query.quarantine ORDER BY reason')).toEqual([
      expect.objectContaining({
        reason: 'not-json: the data is not JSON in UTF-8',
        identity_pool_id: null,
        arrived_at: new Date(NEW_YEAR + 1000),
        redriven_at: null,
        dismissed: null,
      }),
      expect.objectContaining({
        reason: expect.stringMatching(/^unstorable-text: record 0 /),
        identity_pool_id: POOL,
        shard_id: 'shardId-000000000000',
      }),
    ]);
    const payloads = await database.query<{ payload: Uint8Array }>(
      'SELECT payload FROM projection.quarantine ORDER BY reason',
    );
    expect(payloads.rows.map(({ payload }) => Buffer.from(payload))).toEqual([garbage, Buffer.from(nul)]);
  });

  it.each([
    [
      'a lone surrogate in a value',
      { kinesisSyncRecords: [wireRecord({ value: '\ud800' })] },
      'unstorable-text',
    ],
    ['a NUL in a key', { kinesisSyncRecords: [wireRecord({ key: '\0' })] }, 'unstorable-text'],
    ['an event from the future', { lastModifiedDate: NEW_YEAR + 90_000_000 }, 'date-in-the-future'],
    [
      'a record from the future',
      { kinesisSyncRecords: [wireRecord({ lastModifiedDate: NEW_YEAR + 90_000_000 })] },
      'date-in-the-future',
    ],
    [
      'a removal from the future',
      { operation: 'remove', kinesisSyncRecords: null, lastModifiedDate: NEW_YEAR + 90_000_000 },
      'date-in-the-future',
    ],
    [
      'records behind a URL',
      { kinesisSyncRecords: null, payloadType: 'S3Url', kinesisSyncRecordsURL: 'https://b.example/k' },
      'offloaded-payload',
    ],
  ])('quarantines %s', async (_, members, reason) => {
    expect(await project(members)).toMatchObject({ recordsChanged: 0, quarantined: 1 });
    expect(await rows('SELECT reason FROM query.quarantine')).toEqual([
      { reason: expect.stringMatching(`^${reason}: `) },
    ]);
    expect(await rows('SELECT 1 FROM projection.datasets')).toEqual([]);
  });

  describe('after the clock was set forward by a day and back', () => {
    const DAY = 24 * 60 * 60 * 1000;
    const during = (value: string) => deliver(toBytes(wireEvent(update(DAY, 2, { value }))), NEW_YEAR + DAY);
    // The service gives each change of a dataset a later date than the previous change. So these writes are still
    // dated a day ahead, although they arrive after the clock was set back.
    const since = (at: number, syncCount: number, value: string) =>
      deliver(toBytes(wireEvent(update(DAY + at, syncCount, { value }))), NEW_YEAR - 1000 + at);

    it('projects later writes of a dataset that was written while the clock was ahead', async () => {
      await projectAll([during('during')]);
      expect(await projectAll([since(1, 3, 'since')])).toMatchObject({ quarantined: 0 });
      expect(await projectAll([since(2, 4, 'later'), since(3, 5, 'last')])).toMatchObject({ quarantined: 0 });
      expect(await values()).toEqual({ score: 'last' });
    });

    it('projects such a later write even in one batch with the write that was made while the clock was ahead', async () => {
      expect(await projectAll([during('during'), since(1, 3, 'since')])).toMatchObject({ quarantined: 0 });
      expect(await values()).toEqual({ score: 'since' });
    });

    it('quarantines writes to datasets that were not written while the clock was ahead, and names the cause', async () => {
      await projectAll([during('during')]);
      const other = { ...update(DAY + 1, 1, {}), datasetName: 'other' };
      const outcome = await projectAll([deliver(toBytes(wireEvent(other)), NEW_YEAR - 1000)]);
      expect(outcome).toMatchObject({ quarantined: 1 });
      expect(await rows('SELECT reason FROM query.quarantine')).toEqual([
        { reason: expect.stringContaining('if a clock was set back, run `reconcile`') },
      ]);
    });

    it('quarantines a write whose date is long after the last date of its dataset', async () => {
      await projectAll([during('during')]);
      const future = deliver(toBytes(wireEvent(update(2 * DAY, 3, {}))), NEW_YEAR);
      expect(await projectAll([future])).toMatchObject({ quarantined: 1 });
    });
  });

  it('quarantines only the event whose value the database rejects', async () => {
    // The constraint simulates a limit of the database for which our code has no check.
    await database.query(
      'ALTER TABLE projection.records ADD CONSTRAINT limit_nobody_knew CHECK (1 / (length(record_key) - 6) IS NOT NULL)',
    );
    try {
      const events = Array.from({ length: 9 }, (_, index) =>
        update(index, index, { key: index === 5 ? 'poison' : `k${index}` }),
      );
      expect(await project(...events)).toMatchObject({ events: 9, quarantined: 1 });
      expect(Object.keys(await values())).toHaveLength(8);
      expect(await rows('SELECT reason FROM query.quarantine')).toEqual([
        { reason: 'value-refused: the database refused a value (SQLSTATE 22012)' },
      ]);
    } finally {
      await database.query('ALTER TABLE projection.records DROP CONSTRAINT limit_nobody_knew');
    }
  });

  it('throws transient errors, so that Lambda retries the batch', async () => {
    await database.query('ALTER TABLE projection.records RENAME TO records_elsewhere');
    try {
      await expect(project(update(1, 1, {}))).rejects.toMatchObject({ name: 'DatabaseError', code: '42P01' });
    } finally {
      await database.query('ALTER TABLE projection.records_elsewhere RENAME TO records');
    }
    await projectData(toBytes(wireEvent()));
    expect(await values()).toEqual({ score: '42' });
  });

  it('shows the newest progress of each shard; NULL while the progress is unknown', async () => {
    const at = (shard: number, arrivedAt: number) => ({
      streamName: 'cognito-sync',
      shardId: `shardId-${shard}`,
      sequenceNumber: `4966${arrivedAt}`,
      arrivedAt: NEW_YEAR + arrivedAt,
    });
    const known = { isKnown: true };
    for (const position of [at(0, 1), at(1, 5), at(0, 3), at(0, 2)])
      await store.saveProgress(position, known);
    const row = ({ streamName, shardId, sequenceNumber, arrivedAt }: StreamPosition) => ({
      stream_name: streamName,
      shard_id: shardId,
      sequence_number: sequenceNumber,
      arrived_at: new Date(arrivedAt),
      projected_at: expect.any(Date),
    });
    const progress = () => rows('SELECT * FROM query.stream_progress ORDER BY shard_id');
    expect(await progress()).toEqual([row(at(0, 3)), row(at(1, 5))]);

    // The clock was set back, and then a stream was created again under the same name.
    const position = { ...at(0, 9), arrivedAt: NEW_YEAR - 3_600_000 };
    await store.saveProgress(position, known);
    expect(await progress()).toEqual([row(position), row(at(1, 5))]);
    await store.saveProgress(at(0, 4), known);
    expect(await progress()).toEqual([row(at(0, 4)), row(at(1, 5))]);

    await store.saveProgress(at(0, 4), { isKnown: false });
    expect(await progress()).toEqual([
      { ...row(at(0, 4)), sequence_number: null, arrived_at: null },
      row(at(1, 5)),
    ]);
    await store.saveProgress(at(0, 2), known);
    expect(await progress()).toEqual([row(at(0, 2)), row(at(1, 5))]);
  });

  it('grants the reader role access only to the views', async () => {
    const { rows: granted } = await database.query<{ name: string }>(
      `SELECT schemaname || '.' || name AS name FROM (
         SELECT schemaname, tablename AS name FROM pg_tables UNION ALL SELECT schemaname, viewname FROM pg_views) AS relations
       WHERE schemaname IN ('projection', 'query') AND has_schema_privilege('${READER_ROLE}', schemaname, 'usage')
         AND has_table_privilege('${READER_ROLE}', schemaname || '.' || name, 'select') ORDER BY 1`,
    );
    expect(granted.map(({ name }) => name)).toEqual([
      'query.bulk_publishes',
      'query.dataset_versions',
      'query.datasets',
      'query.gaps',
      'query.identities',
      'query.quarantine',
      'query.record_versions',
      'query.records',
      'query.stream_progress',
    ]);
  });
});
