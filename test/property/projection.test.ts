import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foldEvents } from '../../lib/projection/fold-events.ts';
import { projectBatch } from '../../lib/projection/project-batch.ts';
import type { Database } from '../../lib/store/database.ts';
import { migrate } from '../../lib/store/migrate.ts';
import { createQueryStore } from '../../lib/store/query-store.ts';
import { decodeStreamEvent } from '../../lib/stream/decode-stream-event.ts';
import { DATABASES } from '../fixtures/databases.ts';
import { deliver, NEW_YEAR, readDeliveries } from '../fixtures/stream-events.ts';
import { deliveriesOf, type History, histories } from './history.ts';

/** Runs of each property; `PROPERTY_RUNS=5000` for a night. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 60);
const ARRIVED_AT = NEW_YEAR + 3_600_000;

const anyDelivery = histories.chain((history) =>
  fc.record({ history: fc.constant(history), batches: deliveriesOf(history) }),
);

it('the fold gives the same for any order, repetition and grouping of the same events', () => {
  const fold = (data: string[]) => {
    const changes = foldEvents(
      data
        .map((json) => decodeStreamEvent(Buffer.from(json)))
        .map((event) => {
          if (event.kind === 'records') return event;
          if (event.kind === 'offloaded') throw new Error('no history holds one');
          return {
            kind: event.kind,
            dataset: event.dataset,
            version: { lastModifiedDate: event.lastModifiedDate ?? 0, syncCount: event.syncCount ?? 0 },
          };
        }),
    );
    const byName = changes.map((change) => ({
      ...change,
      records: change.records.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
    }));
    return byName.toSorted((a, b) => (JSON.stringify(a.dataset) < JSON.stringify(b.dataset) ? -1 : 1));
  };
  fc.assert(
    fc.property(anyDelivery, ({ history, batches }) => {
      expect(fold(batches.flat())).toEqual(fold(history.published));
    }),
    { numRuns: RUNS * 10 },
  );
});

describe.each(DATABASES)('the rows on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    await migrate(database);
  });
  afterAll(() => database.close());

  async function clear(): Promise<void> {
    for (const table of ['datasets', 'records', 'quarantine'])
      await database.query(`TRUNCATE projection.${table}`);
  }

  async function rows(): Promise<Pick<History, 'live' | 'removed'>> {
    const records = await database.query<Record<string, string>>('SELECT * FROM query.records');
    const datasets = await database.query<Record<string, string> & { deleted: boolean }>(
      'SELECT * FROM query.datasets',
    );
    return {
      live: Object.fromEntries(
        records.rows.map((row) => [
          `${row.identity_id}/${row.dataset_name}/${row.record_key}`,
          String(row.record_value),
        ]),
      ),
      removed: Object.fromEntries(
        datasets.rows.map((row) => [`${row.identity_id}/${row.dataset_name}`, row.deleted]),
      ),
    };
  }

  const project = async (batch: string[]) =>
    projectBatch(
      createQueryStore(database),
      await readDeliveries(batch.map((data) => deliver(Buffer.from(data), ARRIVED_AT))),
    );

  it('are what the service holds, however its events were ordered, repeated, split and replayed', async () => {
    await fc.assert(
      fc
        .asyncProperty(anyDelivery, async ({ history: { live, removed }, batches }) => {
          for (const batch of batches) await project(batch);
          expect(await rows()).toEqual({ live, removed });
          for (const batch of batches) expect(await project(batch)).toMatchObject({ recordsChanged: 0 });
          expect(await rows()).toEqual({ live, removed });
        })
        .beforeEach(clear),
      { numRuns: RUNS },
    );
  });

  it('are the same where batches are written at once', async () => {
    await fc.assert(
      fc
        .asyncProperty(anyDelivery, async ({ history: { live, removed }, batches }) => {
          await Promise.all(batches.map(project));
          expect(await rows()).toEqual({ live, removed });
        })
        .beforeEach(clear),
      { numRuns: RUNS },
    );
  });
});
