import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase, DATABASES } from '../fixtures/database/databases.ts';
import { histories, undatedHistories } from './history.ts';
import { clearRows, countCovered, RUNS, readOutcome, TIMEOUT_MS } from './projection-database.ts';
import { anyEvents } from './projection-events.ts';
import { runStream, streamPlans } from './projection-shards.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

const SHARDS = 4;

/** On PostgreSQL, each shard's function has its own connection pool. The embedded database has a single session. */
const WRITERS = [
  {
    name: 'the embedded database',
    open: async () =>
      Promise.all(DATABASES.filter(({ name }) => name === 'embedded').map(({ open }) => open())),
  },
  {
    name: 'PostgreSQL',
    open: async () => {
      const connectionString = await createPostgresDatabase();
      return Array.from({ length: SHARDS }, () => openPg({ connectionString, maxConnections: 2 }));
    },
  },
];

describe.each(WRITERS)('the project-stream handler on concurrent shards, into $name', ({ open }) => {
  let writers: Database[];
  let database: Database;
  beforeAll(async () => {
    writers = await open();
    const [first] = writers;
    if (!first) throw new Error('no database');
    database = first;
  });
  afterAll(() => Promise.all(writers.map((writer) => writer.close())));

  it('projects the state of the service despite late payloads and repeated batches', async () => {
    await fc.assert(
      fc
        .asyncProperty(
          fc.oneof(histories, anyEvents),
          streamPlans({ maxShards: SHARDS }),
          async ({ published, live, removed }, plan) => {
            await runStream(published, plan, writers);
            expect(await readOutcome(database)).toEqual({ live, removed });
            expect(await countCovered(database)).toBe(0);
          },
        )
        .beforeEach(() => clearRows(database)),
      { numRuns: RUNS },
    );
  });

  it('projects the state of the service if removals have no version, provided that each identity has one shard', async () => {
    await fc.assert(
      fc
        .asyncProperty(
          undatedHistories,
          streamPlans({ maxShards: SHARDS }).map((plan) => ({ ...plan, byIdentity: true })),
          async ({ published, live, removed }, plan) => {
            await runStream(published, plan, writers);
            expect(await readOutcome(database)).toEqual({ live, removed });
          },
        )
        .beforeEach(() => clearRows(database)),
      { numRuns: RUNS },
    );
  });
});
