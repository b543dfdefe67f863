import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { type LocalDatabase, openDatabase } from '../../../lib/database/open-local.ts';
import type { PageRequest, QueryPage } from '../../../lib/query/model.ts';
import { createQueryReader } from '../../../lib/query/store/query-reader.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import { placeEmbeddedDatabase } from '../../fixtures/database/embedded-template.ts';

const FIRST: PageRequest = { limit: 10, after: null };
/** Takes seconds on every database. */
const SLOW = 'SELECT count(*) FROM generate_series(1, 3000000) AS a, generate_series(1, 3) AS b';

describe.each([
  { name: 'embedded', urlOf: async () => undefined, slow: SLOW },
  { name: 'PostgreSQL', urlOf: createPostgresDatabase, slow: 'SELECT pg_sleep(3)' },
])('the connections of readers, $name', ({ name, urlOf, slow }) => {
  let local: LocalDatabase;
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'queries-'));
    const url = await urlOf();
    if (url === undefined) await placeEmbeddedDatabase(join(directory, 'database'));
    local = await openDatabase(join(directory, 'database'), url);
  });
  afterAll(async () => {
    await local.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('cannot write', async () => {
    for (const sql of ['DELETE FROM projection.records', 'CREATE TABLE query.mine (id integer)']) {
      await expect(local.queries.query(sql)).rejects.toMatchObject({
        code: expect.stringMatching(/^(25006|42501)$/),
      });
    }
  });

  it('need only the rights of query_reader for all lists', async () => {
    const asReader: Database = {
      ...local.queries,
      query: (sql, values) =>
        local.queries.transaction(async (transaction) => {
          await transaction.query('SET LOCAL ROLE query_reader');
          return transaction.query(sql, values);
        }),
    };
    const reader = createQueryReader(asReader);
    const dataset = { identityPoolId: 'pool', identityId: 'identity', datasetName: 'game' };
    const pages: readonly QueryPage<object>[] = await Promise.all([
      reader.pools(FIRST),
      reader.identities('pool', FIRST),
      reader.datasets(dataset, FIRST),
      reader.records(dataset, FIRST),
      reader.changes(null, FIRST),
      reader.quarantine(FIRST),
      reader.bulkPublishes(FIRST),
      reader.gaps(FIRST),
      reader.progress(FIRST),
    ]);
    expect(pages.flatMap(({ items }) => items)).toEqual([]);
  });

  it('bound slow queries; the service waits for none of them on PostgreSQL, and only for the running one on the embedded database', async () => {
    const queries = Array.from({ length: 30 }, () => local.queries.query(slow));
    const failures: unknown[] = [];
    const settled = Promise.allSettled(
      queries.map((query) => query.catch((error: unknown) => failures.push(error))),
    );
    await expect.poll(() => failures.length).toBeGreaterThanOrEqual(30 - 16 - 4);
    for (const failure of failures) expect(failure).toMatchObject({ code: '53400' });
    if (name === 'PostgreSQL') {
      const start = performance.now();
      for (const use of Object.values(local.uses)) await use.query('SELECT 1');
      expect(performance.now() - start).toBeLessThan(2_000);
    } else {
      // The service waits only for the query that runs, and not for those that wait.
      await local.uses.writes.query('SELECT 1');
      expect(failures.length).toBeLessThan(20);
      await local.close();
    }
    await settled;
  }, 60_000);
});
