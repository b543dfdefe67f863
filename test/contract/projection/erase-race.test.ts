import pg from 'pg';
import { expect, it } from 'vitest';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { projectBatch } from '../../../lib/projection/project-batch.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import {
  deliver,
  NEW_YEAR,
  readDeliveries,
  toBytes,
  wireEvent,
  wireRecord,
} from '../../fixtures/sync/stream-events.ts';

it('the removal of a dataset keeps a newer value that is committed while the removal waits for the row lock', async () => {
  const connectionString = await createPostgresDatabase();
  const database = openPg({ connectionString });
  const store = createQueryStore(database);
  const project = async (members: Parameters<typeof wireEvent>[0]) =>
    projectBatch(store, await readDeliveries([deliver(toBytes(wireEvent(members)))]));
  const other = new pg.Client({ connectionString });
  await other.connect();
  try {
    await project({ kinesisSyncRecords: [wireRecord({ value: 'old' })] });

    await other.query('BEGIN');
    await other.query(
      "UPDATE projection.records SET record_value = 'new', last_modified_ms = last_modified_ms + 20, sync_count = 3",
    );
    const removal = project({
      operation: 'remove',
      kinesisSyncRecords: null,
      lastModifiedDate: NEW_YEAR + 10,
      syncCount: 2,
    });
    const waiting =
      "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    await expect.poll(async () => (await database.query(waiting)).rows).toHaveLength(1);
    await other.query('COMMIT');
    await removal;

    const { rows } = await database.query('SELECT record_value FROM query.records');
    expect(rows).toEqual([{ record_value: 'new' }]);
  } finally {
    await other.end();
    await database.close();
  }
});
