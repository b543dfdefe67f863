import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { SyncClient } from '../../lib/backfill/ports/sync-client.ts';
import { reconcile } from '../../lib/backfill/reconcile/reconcile.ts';
import { createReconcileStore } from '../../lib/backfill/store/reconcile-store.ts';
import type { Database } from '../../lib/database/database.ts';
import { createQueryStore } from '../../lib/projection/store/query-store.ts';
import { createListingService, type ListingService } from '../fixtures/backfill/listing-service.ts';
import { DATABASES } from '../fixtures/database/databases.ts';
import { NEW_YEAR, POOL } from '../fixtures/sync/stream-events.ts';
import { clearRows, projectInline, RUNS, readVisible, TIMEOUT_MS } from './projection-database.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

const IDENTITIES = [1, 2].map((digit) => `us-east-1:aaaaaaaa-0000-4000-8000-00000000000${digit}`);

const step = fc.record({
  identityId: fc.constantFrom(...IDENTITIES),
  datasetName: fc.constantFrom('game', 'settings'),
  elapsedMs: fc.integer({ min: 1, max: 1_000 }),
  patches: fc.option(
    fc.dictionary(
      fc.constantFrom('score', 'level', 'é鍵'),
      fc.option(fc.string({ maxLength: 3 }).filter((text) => !text.includes('\0'))),
      { minKeys: 1 },
    ),
    { freq: 3 },
  ),
  countStartsAgain: fc.boolean(),
});

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const scenarios = fc.record({
  /** Steps before the reconciliation. The event of each step may be lost. */
  past: fc.array(fc.record({ step, isLost: fc.boolean() }), { minLength: 1, maxLength: 25 }),
  /** Steps during the reconciliation: before or after which call they happen, and whether their events arrive late. */
  during: fc.array(
    fc.record({ step, call: fc.nat({ max: 12 }), isAfter: fc.boolean(), isLate: fc.boolean() }),
    { maxLength: 6 },
  ),
  order: fc.array(fc.double({ noNaN: true }), { minLength: 40, maxLength: 40 }),
  some: fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }),
});

describe.each(DATABASES)('reconcile on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  const project = async (events: readonly string[]) => {
    for (const event of events) await projectInline(database, [event]);
  };
  const live = async () =>
    Object.fromEntries(
      Object.entries((await readVisible(database)).records).map(([name, { value }]) => [
        name.slice(POOL.length + 1),
        value,
      ]),
    );
  const reconcilePool = (api: ListingService['api']) =>
    reconcile(
      {
        api,
        store: { ...createReconcileStore(database), ...createQueryStore(database) },
        now: () => NEW_YEAR,
        sleep: async () => undefined,
      },
      { identityPoolId: POOL, restart: true },
    );

  it('makes the tables match the service after events were lost, even if other events arrive late', async () => {
    await fc.assert(
      fc
        .asyncProperty(scenarios, async ({ past, during, order, some }) => {
          const service = createListingService();
          // Reconcile covers only identities that the query store knows, so one event per identity is projected first.
          await project(
            IDENTITIES.map((identityId) => service.dataset(identityId, 'first').update({ k: 'v' })),
          );
          const lost: string[] = [];
          for (const { step, isLost } of past) {
            const event = act(service, step);
            if (event === null) continue;
            if (isLost) lost.push(event);
            else await project([event]);
          }
          const late: string[] = [];
          const api = interrupted(service.api, async (call, isAfter) => {
            for (const one of during.filter((other) => other.call === call && other.isAfter === isAfter)) {
              const event = act(service, one.step);
              if (event === null) continue;
              if (one.isLate) late.push(event);
              else await project([event]);
            }
          });

          expect(await reconcilePool(api)).toMatchObject({ end: 'finished', skipped: 0, leftOut: 0 });
          await project(shuffle(late, order));
          expect(await live()).toEqual(service.live());

          await project(shuffle(lost, order).filter((_, index) => some[index]));
          expect(await live()).toMatchObject(service.live());
          await project(shuffle([...lost, ...late], order));
          expect(await live()).toEqual(service.live());
          expect(await reconcilePool(service.api)).toMatchObject({ end: 'finished', repaired: 0 });
        })
        .beforeEach(() => clearRows(database)),
      { numRuns: RUNS },
    );
  });
});

function act(service: ListingService, { identityId, datasetName, elapsedMs, ...step }: Step): string | null {
  const dataset = service.dataset(identityId, datasetName, elapsedMs);
  return step.patches === null ? dataset.remove(step.countStartsAgain) : dataset.update(step.patches);
}

/** Runs `onCall` before and after each listing call. */
function interrupted(
  api: ListingService['api'],
  onCall: (call: number, isAfter: boolean) => Promise<void>,
): ListingService['api'] {
  let calls = 0;
  const around = async <Result>(list: () => Promise<Result>): Promise<Result> => {
    const call = calls;
    calls += 1;
    await onCall(call, false);
    const result = await list();
    await onCall(call, true);
    return result;
  };
  return {
    readStreaming: api.readStreaming,
    listDatasets: (...names) => around(() => api.listDatasets(...names)),
    listRecords: (dataset: Parameters<SyncClient['listRecords']>[0]) =>
      around(() => api.listRecords(dataset)),
  };
}

function shuffle(events: readonly string[], order: readonly number[]): string[] {
  return events
    .map((event, index) => ({ event, rank: order[index] ?? 0 }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ event }) => event);
}
