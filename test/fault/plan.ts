import fc from 'fast-check';
import { type History, histories } from '../property/history.ts';
import type { DatabaseFault } from './faulty-database.ts';
import type { ObjectFault } from './object-store.ts';
import type { InvocationPlan } from './poll-shard.ts';

/** The content of a stream, and all faults of its projection. */
export interface FaultPlan {
  history: History;
  /** One plan per event of the history, in the order of the history. */
  events: PlannedEvent[];
  /** Further events on the stream that cannot be projected. */
  unreadable: { kind: Unreadable; place: Place }[];
  /**
   * Ranks of three additional events on the first shard: an update, a removal without a version, and another update.
   * Null if the stream does not have these events.
   */
  undated: [number, number, number] | null;
  shards: number;
  /** The invocations per shard, in order. Further invocations have no faults. */
  invocations: InvocationPlan[][];
  /** The faults of the database. Each affects one statement or transaction, in order, across all invocations. */
  statements: DatabaseFault[];
}

export interface Place {
  shard: number;
  /** The order of events on their shard. */
  rank: number;
  /** Milliseconds between the arrival of the previous event and this one. */
  laterMs: number;
}

export interface PlannedEvent {
  place: Place;
  /** The responses to fetches of the event's records; null if the records are inline. Ignored for dataset removals. */
  offloaded: { faults: ObjectFault[]; end: 'there' | 'forbidden' | 'expired' } | null;
}

export type Unreadable = 'garbage' | 'fromTheFuture' | 'unstorable' | 'refusedValue' | 'foreignUrl';

const MAX_SHARDS = 3;
const rank = fc.double({ min: 0, max: 1, noNaN: true });
const shard = fc.nat({ max: MAX_SHARDS - 1 });
const laterMs = fc.nat({ max: 2 });
const place: fc.Arbitrary<Place> = fc.record({ shard, rank, laterMs });

const objectFault: fc.Arbitrary<ObjectFault> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<ObjectFault>(500, 503, 'reset', 'half') },
  { weight: 1, arbitrary: fc.constant<ObjectFault>('slow') },
);

const offloaded = fc.record({
  faults: fc.array(objectFault, { maxLength: 4 }),
  end: fc.oneof(
    { weight: 4, arbitrary: fc.constant('there' as const) },
    { weight: 1, arbitrary: fc.constantFrom('forbidden' as const, 'expired' as const) },
  ),
});

const NO_EFFECT = ['40001', '40P01', '53300', '57014', '08006', 'ECONNREFUSED'];
const EFFECT_UNKNOWN = ['08006', 'ECONNRESET', '57014', '57P01'];

const statementFaults: fc.Arbitrary<DatabaseFault[]> = fc.oneof(
  { weight: 4, arbitrary: inARow({ kind: fc.constant('none' as const) }, 6) },
  { weight: 2, arbitrary: inARow({ kind: fc.constant('slow' as const), ms: fc.nat({ max: 5 }) }, 2) },
  {
    weight: 2,
    arbitrary: inARow({ kind: fc.constant('fails' as const), code: fc.constantFrom(...NO_EFFECT) }, 4),
  },
  {
    weight: 2,
    arbitrary: inARow(
      { kind: fc.constant('losesResult' as const), code: fc.constantFrom(...EFFECT_UNKNOWN) },
      2,
    ),
  },
  {
    weight: 2,
    arbitrary: inARow({ kind: fc.constant('endsSessions' as const), afterMs: fc.nat({ max: 5 }) }, 1),
  },
);

/** Generates the same fault one or more times in a row. */
function inARow<Fault>(
  fault: { [Member in keyof Fault]: fc.Arbitrary<Fault[Member]> },
  maxTimes: number,
): fc.Arbitrary<Fault[]> {
  return fc
    .tuple(fc.record(fault), fc.integer({ min: 1, max: maxTimes }))
    .map(([one, times]) => Array.from({ length: times }, () => one as Fault));
}

const invocation: fc.Arbitrary<InvocationPlan> = fc.record({
  batchSize: fc.integer({ min: 1, max: 12 }),
  delayMs: fc.nat({ max: 3 }),
  end: fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'responded' as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'responseLost' as const }) },
    { weight: 2, arbitrary: fc.constant({ kind: 'twice' as const }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('rewound' as const), by: fc.nat({ max: 10 }) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('killed' as const),
        atCall: fc.integer({ min: 1, max: 8 }),
        when: fc.constantFrom('before' as const, 'after' as const),
        resumesAfterMs: fc.option(fc.nat({ max: 25 })),
      }),
    },
  ),
});

export const faultPlans: fc.Arbitrary<FaultPlan> = histories.chain((history) => {
  const count = history.published.length;
  return fc
    .record({
      reordered: fc.boolean(),
      shards: fc.integer({ min: 1, max: MAX_SHARDS }),
      events: fc.array(fc.record({ place, offloaded: fc.option(offloaded) }), {
        minLength: count,
        maxLength: count,
      }),
      unreadable: fc.array(
        fc.record({
          kind: fc.constantFrom<Unreadable>(
            'garbage',
            'fromTheFuture',
            'unstorable',
            'refusedValue',
            'foreignUrl',
          ),
          place,
        }),
        { maxLength: 4 },
      ),
      undated: fc.option(fc.tuple(rank, rank, rank)),
      invocations: fc.array(fc.array(invocation, { maxLength: 12 }), {
        minLength: MAX_SHARDS,
        maxLength: MAX_SHARDS,
      }),
      statements: fc.array(statementFaults, { minLength: 5, maxLength: 30 }),
    })
    .map(({ reordered, events, undated, statements, ...rest }) => ({
      ...rest,
      history,
      events: reordered ? events : inOrder(events),
      undated: undated && sorted(undated),
      statements: statements.flat(),
    }));
});

function inOrder(events: PlannedEvent[]): PlannedEvent[] {
  return events.map((event, index) => ({
    ...event,
    place: { ...event.place, rank: index / events.length },
  }));
}

function sorted([a, b, c]: [number, number, number]): [number, number, number] {
  const [first = a, second = b, third = c] = [a, b, c].sort((one, other) => one - other);
  return [first, second, third];
}
