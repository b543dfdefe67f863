import fc from 'fast-check';
import { NEW_YEAR, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';
import { type History, withText } from './history.ts';
import { ARRIVED_AT } from './projection-database.ts';
import { type PlainEvent, referenceFold, visibleRows, type Write } from './projection-reference.ts';

/** Random events that no service would publish together. Their versions still determine the projected rows. */
export interface AnyEvents extends History {
  events: PlainEvent[];
}

const DAY_MS = 24 * 60 * 60 * 1000;
const ONE = 'us-east-1:aaaaaaaa-0000-4000-8000-000000000001';
const OTHER = 'us-east-1:aaaaaaaa-0000-4000-8000-000000000002';
const DATASETS = [
  { identityPoolId: ONE, identityId: ONE, datasetName: 'game' },
  { identityPoolId: ONE, identityId: OTHER, datasetName: 'game' },
  { identityPoolId: OTHER, identityId: ONE, datasetName: 'game' },
  { identityPoolId: ONE, identityId: ONE, datasetName: '__proto__' },
];
const KEYS = ['score', 'é鍵\u{1F600}', "'; --", '{"a,b\\}', 'constructor'];

// Most dates are from a few values, so that versions collide. Some dates are the limits of what a stream may contain.
const dates = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 4 }).map((ms) => NEW_YEAR + ms) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(Date.parse('0001-01-01T00:00:00Z'), -1, 0, ARRIVED_AT + DAY_MS),
  },
);
const counts = fc.oneof(
  { weight: 12, arbitrary: fc.nat({ max: 4 }) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 53 - 2, 2 ** 53 - 1) },
);
const versions = { lastModifiedDate: dates, syncCount: counts };

const writes: fc.Arbitrary<Write> = fc
  .record({ key: fc.constantFrom(...KEYS), ...versions })
  .map(({ key, ...version }) => ({ key, ...version, value: valueAt(key, version) }));

const plainEvents: fc.Arbitrary<PlainEvent> = fc.record({
  dataset: fc.constantFrom(...DATASETS),
  ...versions,
  writes: fc.option(fc.array(writes, { maxLength: 5 }), { freq: 4 }),
});

/** Generates up to 30 events with any versions for four datasets. */
export const anyEvents = eventsOver(plainEvents, 30);

/** Generates up to 12 events for the same two keys of one dataset. */
export const crowdedEvents = eventsOver(
  plainEvents.map((event) => ({
    ...event,
    dataset: DATASETS[0] ?? event.dataset,
    writes: event.writes?.filter(({ key }) => KEYS.indexOf(key) < 2) ?? null,
  })),
  12,
);

/** Generates records of one dataset, a newer removal of the dataset, and even newer records of the same keys. */
export const removalRaces = fc
  .record({ keys: fc.subarray(KEYS, { minLength: 1 }), count: fc.nat({ max: 2 }) })
  .map(({ keys, count }) => {
    const [dataset] = DATASETS;
    if (!dataset) throw new Error('no datasets');
    const at = (ms: number) => ({ lastModifiedDate: NEW_YEAR + ms, syncCount: count });
    const written = (ms: number) => keys.map((key) => ({ key, ...at(ms), value: valueAt(key, at(ms)) }));
    return toHistory([
      { dataset, ...at(0), writes: written(0) },
      { dataset, ...at(1), writes: null },
      { dataset, ...at(2), writes: written(2) },
    ]);
  });

function eventsOver(event: fc.Arbitrary<PlainEvent>, maxLength: number): fc.Arbitrary<AnyEvents> {
  return fc.array(event, { minLength: 1, maxLength }).map(toHistory);
}

function toHistory(events: PlainEvent[]): AnyEvents {
  const { datasets, records } = visibleRows(referenceFold(events));
  const history = withText({
    published: toData(events),
    live: Object.fromEntries(Object.entries(records).map(([name, { value }]) => [name, value])),
    removed: Object.fromEntries(Object.entries(datasets).map(([name, { deleted }]) => [name, deleted])),
  });
  return Object.assign(history, { events });
}

/** Returns the data of these events as it is on the stream. */
export function toData(events: readonly PlainEvent[]): string[] {
  return events.map((plain) => JSON.stringify(toWire(plain)));
}

/**
 * Derives the value of a write from its key and version, because two writes of a key with the same version must be the
 * same write. A quarter of the writes are removals.
 */
function valueAt(
  key: string,
  { lastModifiedDate, syncCount }: { lastModifiedDate: number; syncCount: number },
) {
  if (syncCount % 4 === 3) return null;
  return syncCount % 2 === 0
    ? `${lastModifiedDate}.${syncCount}`
    : `"${key}" \\${lastModifiedDate}.${syncCount}`;
}

/** Encodes an event in one of the forms that occur on a stream. */
function toWire({ dataset, lastModifiedDate, syncCount, writes }: PlainEvent) {
  const members = { ...dataset, lastModifiedDate, syncCount };
  if (writes === null) return wireEvent({ ...members, operation: 'remove', kinesisSyncRecords: null });
  const areAllRemoved = writes.length > 0 && writes.every(({ value }) => value === null);
  const kinesisSyncRecords = writes.map(({ value, ...write }) => {
    if (value !== null) return wireRecord({ ...write, value });
    return areAllRemoved
      ? wireRecord({ ...write, value: 'of no account' })
      : wireRecord({ ...write, value: null, op: write.lastModifiedDate % 2 === 0 ? 'remove' : 'replace' });
  });
  return wireEvent({ ...members, operation: areAllRemoved ? 'remove' : 'replace', kinesisSyncRecords });
}
