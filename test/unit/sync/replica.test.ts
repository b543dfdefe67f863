import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordsEvent } from '../../../lib/stream/stream-event.ts';
import { nextReplica } from '../../../lib/sync/replica.ts';
import { DATASET, Device, Origin, Replica, UNSTORABLE, type View, viewOf } from './replica-model.ts';

const KEYS = ['a', 'b', 'c', 'd'];

type Step =
  | { kind: 'update'; keys: string[]; value: string | null; afterMs: number }
  | { kind: 'delete'; afterMs: number }
  /** Removes the tombstones of the origin. */
  | { kind: 'expire' }
  /** `list` reads the dataset at the origin; `apply` writes what was read last. */
  | { kind: 'list' | 'apply' }
  /** Applies an event, perhaps not for the first time. */
  | { kind: 'follow'; event: number };

const LATER = { min: 1, max: 3 };

function update(value: fc.Arbitrary<string | null>, clock = LATER): fc.Arbitrary<Step> {
  return fc.record({
    kind: fc.constant('update' as const),
    keys: fc.subarray(KEYS, { minLength: 1 }),
    value,
    afterMs: fc.integer(clock),
  });
}

const storable = fc.option(fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom('x', 'y', 'z') }));
const deletion = fc.record({ kind: fc.constant('delete' as const), afterMs: fc.integer(LATER) });
const expiry = fc.record({ kind: fc.constant('expire' as const) });
const reading = fc.record({ kind: fc.constantFrom('list' as const, 'apply' as const) });
const following = fc.record({ kind: fc.constant('follow' as const), event: fc.nat() });

function stepsOf(
  ...weighted: readonly [weight: number, arbitrary: fc.Arbitrary<Step>][]
): fc.Arbitrary<Step[]> {
  return fc.array(fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary }))), {
    maxLength: 40,
  });
}

const STORABLE = stepsOf([6, update(storable)], [2, deletion], [1, expiry], [4, reading], [3, following]);
const ANY = stepsOf(
  [5, update(storable)],
  [1, update(fc.constant(UNSTORABLE))],
  [2, deletion],
  [1, expiry],
  [4, reading],
  [3, following],
);

/** Reads the dataset as `move copy` does. @returns a function that writes what was read to the replica */
async function readFrom(origin: Origin, replica: Replica): Promise<() => void> {
  const known = replica.stored;
  const listed = await origin.list();
  const { syncCount } = origin.version;
  if (listed) return () => replica.apply(listed);
  return () => {
    if (known && known.syncCount > known.deletedSyncCount) replica.remove(known, syncCount);
  };
}

async function run(given: readonly Step[], origin: Origin, replica: Replica): Promise<void> {
  let write: () => void = () => undefined;
  for (const step of given) {
    if (step.kind === 'update') origin.update(step.keys, step.value, step.afterMs);
    else if (step.kind === 'delete') origin.delete(step.afterMs);
    else if (step.kind === 'expire') origin.expire();
    else if (step.kind === 'list') write = await readFrom(origin, replica);
    else if (step.kind === 'apply') write();
    else if (step.kind === 'follow') {
      const event = origin.stream[step.event % Math.max(origin.stream.length, 1)];
      if (event) replica.follow(event);
    }
  }
}

const withoutKeys = (view: View, isLeftOut: (row: View['rows'][number]) => boolean): View => ({
  ...view,
  rows: view.rows.filter((row) => !isLeftOut(row)),
});

/** Leaves out the dataset's date: a listing has only the dates of the remaining rows, so this date can be older. */
const withoutDate = ({ lastModifiedDate: _, ...view }: View) => view;

describe('a replica', () => {
  it('equals the origin after any interleaving of copies and writes, once the stream was replayed in any order', async () => {
    await fc.assert(
      fc.asyncProperty(STORABLE, fc.infiniteStream(fc.nat()), async (given, random) => {
        const origin = new Origin();
        const replica = new Replica();
        await run(given, origin, replica);
        const order = origin.stream.map((event) => ({ event, place: random.next().value ?? 0 }));
        for (const { event } of order.toSorted((a, b) => a.place - b.place)) replica.follow(event);
        // A replayed event can bring back a tombstone that has expired at the origin.
        const isExpired = ({ key, value }: View['rows'][number]) => value === null && !origin.rows.has(key);
        expect(withoutKeys(replica.view(), isExpired)).toEqual(viewOf(origin));
      }),
      { numRuns: 2_000 },
    );
  });

  it('equals the origin after a copy, without any event, except for values that SQL text cannot store', async () => {
    await fc.assert(
      fc.asyncProperty(ANY, async (given) => {
        const origin = new Origin();
        const replica = new Replica();
        await run(given, origin, replica);
        (await readFrom(origin, replica))();
        const isUnstorable = ({ key }: { key: string }) => origin.rows.get(key)?.value === UNSTORABLE;
        const view = withoutDate(withoutKeys(replica.view(), isUnstorable));
        const expected = withoutDate(withoutKeys(viewOf(origin), isUnstorable));
        // The replica lacks the count of a deletion that no copy saw; devices learn of it from the missing dataset.
        expect(origin.exists ? view : view.rows).toEqual(origin.exists ? expected : []);
      }),
      { numRuns: 4_000 },
    );
  });

  it('equals the origin after a copy if the clock of the origin was set back', async () => {
    const steps = stepsOf(
      [6, update(storable, { min: -3, max: 3 })],
      [1, expiry],
      [4, reading],
      [3, following],
    );
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const origin = new Origin();
        const replica = new Replica();
        await run(given, origin, replica);
        (await readFrom(origin, replica))();
        expect(withoutDate(replica.view())).toEqual(withoutDate(viewOf(origin)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('gives a device all rows, even if the device synchronizes between the parts of a large change', async () => {
    const steps = fc.array(fc.oneof(update(storable), deletion, reading), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 3 }), async (given, rowsPerPart) => {
        const origin = new Origin();
        const replica = new Replica();
        const device = new Device();
        for (const step of [...given, { kind: 'list' as const }]) {
          if (step.kind !== 'list' && step.kind !== 'apply') {
            await run([step], origin, replica);
            continue;
          }
          const listed = await origin.list();
          const synchronize = () => device.synchronize(replica.view());
          if (listed) replica.apply(listed, rowsPerPart, synchronize);
          else if (replica.stored) replica.remove(replica.stored, origin.version.syncCount);
          synchronize();
        }
        const live = viewOf(origin).rows.flatMap(({ key, value }) => (value === null ? [] : [[key, value]]));
        expect([...device.values].sort()).toEqual(live);
      }),
      { numRuns: 2_000 },
    );
  });

  it('writes nothing when the same copy is applied again', async () => {
    const origin = new Origin();
    const replica = new Replica();
    origin.update(['a', 'b'], '1', 1);
    origin.delete(1);
    origin.update(['a'], '2', 1);
    const listed = await origin.list();
    if (!listed) throw new Error('the dataset exists');
    replica.apply(listed);
    const again = nextReplica(replica.stored, replica.rows, listed);
    expect(again).toMatchObject({ isChanged: false, records: [], erasedKeys: [], newRemoval: null });
  });

  it('publishes the removal of a live row that is erased, but not that of a tombstone', async () => {
    const origin = new Origin();
    const replica = new Replica();
    origin.update(['a', 'b'], '1', 1);
    origin.update(['b'], null, 1);
    for (const event of origin.stream) replica.follow(event);
    origin.update(['a'], null, 1);
    origin.expire();
    origin.update(['c'], '1', 1);
    const listed = await origin.list();
    if (!listed) throw new Error('the dataset exists');
    const next = nextReplica(replica.stored, replica.rows, listed);
    expect(next.erasedKeys.toSorted()).toEqual(['a', 'b']);
    expect(next.newRemoval).toBeNull();
    expect(next.published).toMatchObject([
      { Key: 'c', Value: '1' },
      { Key: 'a', Value: null, SyncCount: 4 },
    ]);
  });

  it('takes the author of a record, which events lack, from a listing, and publishes nothing for that', async () => {
    const origin = new Origin();
    const replica = new Replica();
    origin.update(['a'], '1', 1);
    const [event] = origin.stream;
    if (event) replica.follow(event);
    expect(replica.rows.get('a')?.lastModifiedBy).toBe(DATASET.identityId);
    const listed = await origin.list();
    if (!listed) throw new Error('the dataset exists');
    const next = nextReplica(replica.stored, replica.rows, listed);
    expect(next.records).toMatchObject([{ Key: 'a', LastModifiedBy: 'author' }]);
    expect(next.published).toEqual([]);
  });

  it('shows a dataset that was created again at a service that counts from 1 again', () => {
    const replica = new Replica();
    const event = (lastModifiedDate: number, syncCount: number, key: string): RecordsEvent => {
      const version = { lastModifiedDate, syncCount };
      const records = [{ key, value: '1', version, deviceLastModifiedDate: null }];
      return { kind: 'records', dataset: DATASET, version, records };
    };
    replica.follow(event(1, 7, 'a'));
    replica.follow({ kind: 'removal', dataset: DATASET, version: { lastModifiedDate: 2, syncCount: 8 } });
    replica.follow(event(3, 1, 'b'));
    replica.follow(event(1, 7, 'a'));
    expect(replica.view()).toMatchObject({ syncCount: 1, deletedSyncCount: 0, rows: [{ key: 'b' }] });
  });
});
