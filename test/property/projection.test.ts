import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { foldEvents } from '../../lib/projection/fold-events.ts';
import { decodeStreamEvent } from '../../lib/stream/decode-stream-event.ts';
import { DATABASES } from '../fixtures/database/databases.ts';
import { deliveriesOf, histories } from './history.ts';
import {
  clearRows,
  countCovered,
  projectInline,
  RUNS,
  readEverything,
  readOutcome,
  readStates,
  readVisible,
  TIMEOUT_MS,
} from './projection-database.ts';
import { anyEvents, crowdedEvents, toData } from './projection-events.ts';
import {
  type DatasetState,
  nameOf,
  referenceFold,
  visibleRows,
  withoutCovered,
} from './projection-reference.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

const historyDelivered = histories.chain((history) =>
  fc.record({ history: fc.constant(history), batches: deliveriesOf(history) }),
);
const eventsDelivered = anyEvents.chain((history) =>
  fc.record({ history: fc.constant(history), batches: deliveriesOf(history) }),
);

/** Combines events with `foldEvents`, and returns the result in the format of `referenceFold`. */
function fold(data: readonly string[]): Record<string, DatasetState> {
  const events = data.map((json) => {
    const event = decodeStreamEvent(Buffer.from(json));
    if (event.kind === 'records') return event;
    if (event.kind === 'offloaded') throw new Error('unexpected offloaded event');
    const version = { lastModifiedDate: event.lastModifiedDate ?? 0, syncCount: event.syncCount ?? 0 };
    return { kind: event.kind, dataset: event.dataset, version };
  });
  return Object.fromEntries(
    foldEvents(events).map(({ dataset, version, removal, records }) => [
      nameOf(dataset),
      {
        version,
        removal,
        records: Object.fromEntries(records.map(({ key, value, version }) => [key, { ...version, value }])),
      },
    ]),
  );
}

describe('foldEvents', () => {
  it('returns the same result for any order, repetition and grouping of a history’s events', () => {
    fc.assert(
      fc.property(historyDelivered, ({ history, batches }) => {
        expect(fold(batches.flat())).toEqual(fold(history.published));
      }),
      { numRuns: RUNS * 10 },
    );
  });

  it('returns the same result as the simple reference implementation for any events', () => {
    fc.assert(
      fc.property(eventsDelivered, ({ history: { events }, batches }) => {
        expect(fold(batches.flat())).toEqual(referenceFold(events));
      }),
      { numRuns: RUNS * 20 },
    );
  });
});

describe('foldEvents for an event with several entries for one key', () => {
  it('returns the same result as for one event per entry', () => {
    fc.assert(
      fc.property(crowdedEvents, ({ events, published }) => {
        const apart = events.flatMap((event) =>
          event.writes === null || event.writes.length === 0
            ? [event]
            : event.writes.map((write) => ({ ...event, writes: [write] })),
        );
        expect(fold(published)).toEqual(fold(toData(apart)));
      }),
      { numRuns: RUNS * 10 },
    );
  });
});

describe.each(DATABASES)('the projected rows on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  it('match the state of the service for any order, repetition and grouping of its events', async () => {
    await fc.assert(
      fc
        .asyncProperty(historyDelivered, async ({ history: { live, removed }, batches }) => {
          for (const batch of batches) await projectInline(database, batch);
          expect(await readOutcome(database)).toEqual({ live, removed });
        })
        .beforeEach(() => clearRows(database)),
      { numRuns: RUNS },
    );
  });

  it('match the reference implementation for any events, and a replay changes nothing', async () => {
    await fc.assert(
      fc
        .asyncProperty(eventsDelivered, async ({ history: { events }, batches }) => {
          for (const batch of batches) await projectInline(database, batch);
          expect(await readStates(database)).toEqual(withoutCovered(referenceFold(events)));
          expect(await readVisible(database)).toEqual(visibleRows(referenceFold(events)));
          const before = await readEverything(database);
          for (const batch of [...batches, batches.flat()])
            expect(await projectInline(database, batch)).toMatchObject({ recordsChanged: 0 });
          expect(await readEverything(database)).toEqual(before);
        })
        .beforeEach(() => clearRows(database)),
      { numRuns: RUNS },
    );
  });

  it('are the same if batches are written concurrently', async () => {
    await fc.assert(
      fc
        .asyncProperty(eventsDelivered, async ({ history: { events }, batches }) => {
          await Promise.all(batches.map((batch) => projectInline(database, batch)));
          expect(await readVisible(database)).toEqual(visibleRows(referenceFold(events)));
          expect(await countCovered(database)).toBe(0);
        })
        .beforeEach(() => clearRows(database)),
      { numRuns: RUNS },
    );
  });
});
