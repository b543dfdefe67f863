import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import {
  clearRows,
  projectInline,
  RUNS,
  readStates,
  readVisible,
  TIMEOUT_MS,
} from './projection-database.ts';
import { crowdedEvents, removalRaces } from './projection-events.ts';
import { referenceFold, visibleRows, withoutCovered } from './projection-reference.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

const WRITERS = 2;
let pools: Database[];
let database: Database;
beforeAll(async () => {
  const connectionString = await createPostgresDatabase();
  pools = Array.from({ length: WRITERS }, () => openPg({ connectionString, maxConnections: 2 }));
  database = openPg({ connectionString });
});
afterAll(() => Promise.all([...pools, database].map((pool) => pool.close())));

/**
 * Delays each statement of a database, and its commit. Until the commit, other writers wait for the changed rows or do
 * not see the changes.
 */
function slow(pool: Database, delaysMs: readonly number[]): Database {
  const left = [...delaysMs];
  const wait = async () => {
    const delayMs = left.shift() ?? 0;
    if (delayMs > 0) await sleep(delayMs);
  };
  return {
    ...pool,
    async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
      await wait();
      return pool.transaction(async (transaction) => {
        const result = await transaction.query<Row>(sql, values);
        await wait();
        return result;
      });
    },
  };
}

/** Delays of each writer. Each statement uses the next two: one before it starts, and one before its commit. */
const delays = fc.tuple(
  ...Array.from({ length: WRITERS }, () => fc.array(fc.nat({ max: 4 }), { maxLength: 30 })),
);

const turns = fc.record({
  /** The writer of each event. */
  writers: fc.array(fc.nat({ max: WRITERS - 1 }), { maxLength: 12 }),
  /** Whether an event is in the same batch as the writer's previous event. */
  together: fc.array(fc.boolean(), { maxLength: 12 }),
  delaysMs: delays,
});

it('two concurrent writers store the newest values, and keep no value that is older than the removal of its dataset', async () => {
  await fc.assert(
    fc
      .asyncProperty(crowdedEvents, turns, async ({ published, events }, { writers, together, delaysMs }) => {
        await Promise.all(
          pools.map(async (pool, number) => {
            const own = published.filter((_, index) => (writers[index] ?? 0) === number);
            const slowed = slow(pool, delaysMs[number] ?? []);
            for (const batch of cut(own, together)) await projectInline(slowed, batch);
          }),
        );
        const expected = referenceFold(events);
        expect(await readVisible(database)).toEqual(visibleRows(expected));
        expect(await readStates(database)).toEqual(withoutCovered(expected));
      })
      .beforeEach(() => clearRows(database)),
    { numRuns: RUNS },
  );
});

it('the removal of a dataset erases the older values, but not newer values that are written concurrently', async () => {
  await fc.assert(
    fc
      .asyncProperty(
        removalRaces,
        delays,
        async ({ published: [covered = '', removal = '', newer = ''], events }, delaysMs) => {
          await projectInline(database, [covered]);
          const [remover, writer] = pools.map((pool, number) => slow(pool, delaysMs[number] ?? []));
          if (!remover || !writer) throw new Error('too few pools');
          await Promise.all([projectInline(remover, [removal]), projectInline(writer, [newer])]);
          expect(await readVisible(database)).toEqual(visibleRows(referenceFold(events)));
        },
      )
      .beforeEach(() => clearRows(database)),
    { numRuns: RUNS * 2 },
  );
});

function cut(data: readonly string[], together: readonly boolean[]): string[][] {
  const batches: string[][] = [];
  for (const [index, one] of data.entries()) {
    const last = batches.at(-1);
    if (last && together[index]) last.push(one);
    else batches.push([one]);
  }
  return batches;
}
