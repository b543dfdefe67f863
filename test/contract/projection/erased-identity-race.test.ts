import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEraseStore } from '../../../lib/backfill/store/erase-store.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { datasetId, recordId } from '../../../lib/database/row-ids.ts';
import type { Delivery } from '../../../lib/projection/delivery.ts';
import { FIRST_DATASET } from '../../../lib/projection/ports/query-sweep.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore, streamPositionId } from '../../../lib/projection/store/query-store.ts';
import { createQuerySweep } from '../../../lib/projection/store/query-sweep.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
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

const KEY = { identityPoolId: POOL, identityId: IDENTITY };
const GAME = datasetId({ ...KEY, datasetName: 'game' });
const OTHER = 'us-east-1:bbbbbbbb-0000-4000-8000-000000000002';
const TABLES = ['datasets', 'records', 'quarantine', 'dated_removals'];

/** Inserts of rows with the same keys as those of the batch. While they are uncommitted, the batch waits. */
const DATASET = `
INSERT INTO projection.datasets VALUES ('${GAME}', '', '', '', 0, 0, NULL, NULL, now())`;
const RECORD = `
INSERT INTO projection.records VALUES ('${GAME}', '${recordId('score')}', '', NULL, NULL, 0, 0, NULL, now())`;
const quarantined = ({ position }: Delivery) => `
INSERT INTO projection.quarantine
VALUES ('${streamPositionId(position)}', '', NULL, '', '', '', now(), now(), NULL, '')`;

describe('a batch that is projected while an identity is erased, on PostgreSQL', () => {
  let database: Database;
  let other: pg.Client;

  beforeAll(async () => {
    const connectionString = await createPostgresDatabase();
    database = openPg({ connectionString });
    other = new pg.Client({ connectionString });
    await other.connect();
  });
  afterAll(async () => {
    await other.end();
    await database.close();
  });
  beforeEach(() => deleteAllRows(database));

  const project = async (...deliveries: Delivery[]) =>
    projectBatch(createQueryStore(database), await readDeliveries(deliveries));
  /** Does what `erase` does in the query store, apart from searching the quarantine. */
  const erase = async () => {
    const store = createEraseStore(database);
    await store.markErased([KEY], NEW_YEAR, { isNewer: false });
    await store.eraseDatasets(KEY);
  };
  const countRows = async () => {
    const counts: Record<string, number> = {};
    for (const table of TABLES)
      counts[table] = (await database.query(`SELECT 1 FROM projection.${table}`)).rows.length;
    return counts;
  };
  const event = (members?: Parameters<typeof wireEvent>[0]) => deliver(toBytes(wireEvent(members)));
  const unstorable = { kinesisSyncRecords: [wireRecord({ value: '\0' })] };
  const NO_ROWS = { datasets: 0, records: 0, quarantine: 0, dated_removals: 0 };

  /** Projects the batch; one of its statements waits for an uncommitted row until `act` is done. */
  async function projectAround(deliveries: Delivery[], insert: string, act: () => Promise<void>) {
    await other.query('BEGIN');
    await other.query(insert);
    const projected = project(...deliveries);
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    await expect.poll(async () => (await database.query(waiting)).rows).toHaveLength(1);
    await act();
    await other.query('ROLLBACK');
    await projected;
  }

  it.each([
    { waiting: 'datasets', insert: DATASET },
    { waiting: 'records', insert: RECORD },
  ])('leaves no row of the erased identity if its $waiting wait until it is erased', async ({ insert }) => {
    const kept = event({ identityId: OTHER });
    await projectAround([event(), event({ datasetName: 'late' }), kept], insert, erase);
    expect(await countRows()).toEqual({ ...NO_ROWS, datasets: 1, records: 1 });
    expect((await database.query('SELECT identity_id FROM query.records')).rows).toEqual([
      { identity_id: OTHER },
    ]);
  });

  it('leaves no quarantined delivery of the erased identity', async () => {
    const refused = event(unstorable);
    const kept = event({ ...unstorable, identityId: OTHER });
    await projectAround([refused, kept], quarantined(refused), erase);
    expect(await countRows()).toEqual({ ...NO_ROWS, quarantine: 1 });
  });

  /** Projects a batch as if it were killed after its last write, before it could notice the erasure. */
  async function projectUnnoticed(...batch: Delivery[]) {
    await project(...batch, event({ identityId: OTHER }));
    await createEraseStore(database).markErased([KEY], NEW_YEAR, { isNewer: false });
  }

  it('leaves no row after the batch is retried after a crash', async () => {
    const batch = [event(), event(unstorable)];
    await projectUnnoticed(...batch);
    expect(await countRows()).toEqual({ ...NO_ROWS, datasets: 2, records: 2, quarantine: 1 });
    await project(...batch);
    expect(await countRows()).toEqual({ ...NO_ROWS, datasets: 1, records: 1 });
  });

  it('leaves no row after the next sweep, even if the batch is not retried', async () => {
    await projectUnnoticed(event());
    const { strays } = await createQuerySweep(database).sweepDatasets(FIRST_DATASET, {
      tombstones: 0,
      strays: 0,
    });
    expect(strays).toBe(2);
    expect(await countRows()).toEqual({ ...NO_ROWS, datasets: 1, records: 1 });
  });
});
