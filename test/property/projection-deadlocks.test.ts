import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { NEW_YEAR, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import { clearRows, projectInline, readVisible } from './projection-database.ts';

const WRITERS = 2;
let connectionString: string;
let pools: Database[];
let database: Database;
const openPools = () =>
  Array.from({ length: WRITERS }, () => openPg({ connectionString, maxConnections: 2 }));
beforeAll(async () => {
  connectionString = await createPostgresDatabase();
  pools = openPools();
  database = openPg({ connectionString });
});
afterAll(() => Promise.all([...pools, database].map((pool) => pool.close())));

const KEYS = Array.from({ length: 300 }, (_, index) => `key ${index}`);
const at = (ms: number) => ({ lastModifiedDate: NEW_YEAR + ms, syncCount: 1 });
const update = (ms: number) =>
  JSON.stringify(
    wireEvent({ ...at(ms), kinesisSyncRecords: KEYS.map((key) => wireRecord({ key, ...at(ms) })) }),
  );
const removal = (ms: number) =>
  JSON.stringify(wireEvent({ ...at(ms), operation: 'remove', kinesisSyncRecords: null }));
const writeConcurrently = (data: readonly string[]) =>
  Promise.all(data.map((one, index) => projectInline(pools[index % pools.length] ?? database, [one])));
beforeEach(() => clearRows(database));

/** Reads the deadlock count. Closes the pools first, because PostgreSQL shows the count of a session after its end. */
async function deadlocks(): Promise<unknown[]> {
  await Promise.all(pools.map((pool) => pool.close()));
  pools = openPools();
  return (await database.query('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()'))
    .rows;
}

it('the query store writes rows in a fixed order, so that concurrent writers do not deadlock', async () => {
  for (let ms = 0; ms < 100; ms += 5)
    await writeConcurrently([update(ms), update(ms + 1), update(ms + 2), update(ms + 3)]);
  expect(await deadlocks()).toEqual([{ deadlocks: 0 }]);
});

it('the query store erases rows in a fixed order, so that a removal does not deadlock with writers', async () => {
  for (let ms = 0; ms < 100; ms += 10) {
    await projectInline(database, [update(ms)]);
    await writeConcurrently([
      update(ms + 1),
      removal(ms + 2),
      update(ms + 3),
      update(ms + 4),
      removal(ms + 3),
    ]);
  }
  const { records } = await readVisible(database);
  expect(Object.values(records).map((record) => record.lastModifiedDate)).toEqual(
    KEYS.map(() => NEW_YEAR + 94),
  );
  expect(await deadlocks()).toEqual([{ deadlocks: 0 }]);
});
