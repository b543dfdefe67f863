import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findDeletion } from '../../../lib/move/read-listing.ts';
import { type DatedRemoval, foldEvents } from '../../../lib/projection/fold-events.ts';
import { compareVersions } from '../../../lib/projection/version.ts';
import type { RecordsEvent, StreamRecord, Version } from '../../../lib/stream/stream-event.ts';
import {
  nextReplica,
  type ReplicaChange,
  type ReplicaRecord,
  type StoredReplica,
  type StoredReplicaRecord,
} from '../../../lib/sync/replica.ts';

const DATASET = { identityPoolId: 'us-east-1:1', identityId: 'us-east-1:2', datasetName: 'game' };
const KEYS = ['a', 'b', 'c', 'd'];

/** A dataset at the origin, as Cognito Sync keeps it. Counts and dates continue across a deletion. */
class Origin {
  version: Version = { lastModifiedDate: 0, syncCount: 0 };
  deletedSyncCount = 0;
  rows = new Map<string, StreamRecord>();
  readonly stream: (RecordsEvent | DatedRemoval)[] = [];

  get exists(): boolean {
    return this.version.syncCount > this.deletedSyncCount;
  }

  update(keys: readonly string[], value: string | null, afterMs: number): void {
    this.#advance(afterMs);
    const version = this.version;
    const records = keys.map((key) => ({ key, value, version, deviceLastModifiedDate: null }));
    for (const record of records) this.rows.set(record.key, record);
    this.stream.push({ kind: 'records', dataset: DATASET, version, records });
  }

  delete(afterMs: number): void {
    if (!this.exists) return;
    this.#advance(afterMs);
    this.deletedSyncCount = this.version.syncCount;
    this.rows.clear();
    this.stream.push({ kind: 'removal', dataset: DATASET, version: this.version });
  }

  #advance(afterMs: number): void {
    const { lastModifiedDate, syncCount } = this.version;
    this.version = { lastModifiedDate: lastModifiedDate + afterMs, syncCount: syncCount + 1 };
  }

  /** What the copy reads at this moment; null if the dataset does not exist. */
  async list(): Promise<ReplicaChange | null> {
    if (!this.exists) return null;
    const records: ReplicaRecord[] = [...this.rows.values()].map((row) => ({
      ...row,
      lastModifiedBy: 'author',
    }));
    const deleted = this.deletedSyncCount;
    const found = await findDeletion(async (count) => deleted > count, {
      records,
      syncCount: this.version.syncCount,
    });
    expect(found).toBe(deleted);
    const oldest = Math.min(
      this.version.lastModifiedDate,
      ...records.map(({ version }) => version.lastModifiedDate),
    );
    return {
      dataset: DATASET,
      version: this.version,
      removal: found === 0 ? null : { lastModifiedDate: oldest, syncCount: found },
      records,
      listing: { creationDate: 1, lastModifiedBy: 'author' },
    };
  }
}

/** The replica, as the store keeps it. */
class Replica {
  stored: StoredReplica | null = null;
  readonly rows = new Map<string, StoredReplicaRecord & { value: string | null }>();

  apply(change: ReplicaChange): void {
    const { dataset, records, newRemoval } = nextReplica(this.stored, this.rows, change);
    this.stored = dataset;
    for (const record of records) {
      this.rows.set(record.Key, {
        version: { lastModifiedDate: record.LastModifiedDate, syncCount: record.SyncCount },
        lastModifiedBy: record.LastModifiedBy ?? '',
        deviceLastModifiedDate: record.DeviceLastModifiedDate,
        value: record.Value,
      });
    }
    for (const [key, { version }] of this.rows) {
      if (newRemoval !== null && compareVersions(version, newRemoval) <= 0) this.rows.delete(key);
    }
  }

  /** Removes the dataset as it was when the copy read it here, as `move copy` does if the origin does not list it. */
  remove({ lastModifiedDate, syncCount }: StoredReplica, countAtOrigin: number): void {
    const version = { lastModifiedDate, syncCount };
    const removal = { lastModifiedDate, syncCount: Math.max(syncCount, countAtOrigin) };
    this.apply({ dataset: DATASET, version, removal, records: [], listing: null });
  }

  follow(event: RecordsEvent | DatedRemoval): void {
    for (const change of foldEvents([event])) {
      const records = change.records.map((record) => ({ ...record, lastModifiedBy: null }));
      this.apply({ ...change, records, listing: null });
    }
  }

  /** What a device sees. */
  view() {
    const { syncCount = 0, deletedSyncCount = 0, lastModifiedDate = 0 } = this.stored ?? {};
    const visible = [...this.rows].filter(([, { version }]) => version.syncCount > deletedSyncCount);
    return {
      syncCount,
      lastModifiedDate,
      deletedSyncCount,
      rows: visible.map(([key, { version, value }]) => ({ key, version, value })).sort(byKey),
    };
  }
}

const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1);

function viewOf({ version, deletedSyncCount, rows }: Origin): ReturnType<Replica['view']> {
  const all = [...rows.values()].map(({ key, version: of, value }) => ({ key, version: of, value }));
  return { ...version, deletedSyncCount, rows: all.sort(byKey) };
}

type Step =
  | { kind: 'update'; keys: string[]; value: string | null; afterMs: number }
  | { kind: 'delete'; afterMs: number }
  /** `list` reads the dataset at the origin; `apply` writes what was read last. */
  | { kind: 'list' | 'apply' }
  /** Applies an event, perhaps not for the first time. */
  | { kind: 'follow'; event: number };

const afterMs = fc.integer({ min: 1, max: 3 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('update' as const),
        keys: fc.subarray(KEYS, { minLength: 1 }),
        value: fc.option(fc.string({ maxLength: 3 })),
        afterMs,
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), afterMs }) },
    { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('list' as const, 'apply' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('follow' as const), event: fc.nat() }) },
  ),
  { maxLength: 40 },
);

/** Reads the dataset as `move copy` does. @returns what the copy writes later */
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
    else if (step.kind === 'list') write = await readFrom(origin, replica);
    else if (step.kind === 'apply') write();
    else if (step.kind === 'follow') {
      const event = origin.stream[step.event % Math.max(origin.stream.length, 1)];
      if (event) replica.follow(event);
    }
  }
}

describe('a replica', () => {
  it('equals the origin after any interleaving of copies and writes, once the stream was replayed in any order', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.infiniteStream(fc.nat()), async (given, random) => {
        const origin = new Origin();
        const replica = new Replica();
        await run(given, origin, replica);
        const order = origin.stream.map((event) => ({ event, place: random.next().value ?? 0 }));
        for (const { event } of order.toSorted((a, b) => a.place - b.place)) replica.follow(event);
        expect(replica.view()).toEqual(viewOf(origin));
      }),
      { numRuns: 2_000 },
    );
  });

  it('equals the origin after a copy, without any event', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        const origin = new Origin();
        const replica = new Replica();
        await run(given, origin, replica);
        (await readFrom(origin, replica))();
        const { lastModifiedDate: _, ...view } = replica.view();
        const { lastModifiedDate: __, ...expected } = viewOf(origin);
        // A deletion that the copy has not seen has no count; a device learns of it from the missing dataset.
        expect(origin.exists ? view : view.rows).toEqual(origin.exists ? expected : []);
      }),
      { numRuns: 2_000 },
    );
  });

  it('writes nothing again when a copy is repeated', async () => {
    const origin = new Origin();
    const replica = new Replica();
    origin.update(['a', 'b'], '1', 1);
    origin.delete(1);
    origin.update(['a'], '2', 1);
    const listed = await origin.list();
    if (!listed) throw new Error('the dataset exists');
    replica.apply(listed);
    const again = nextReplica(replica.stored, replica.rows, listed);
    expect(again).toMatchObject({ isChanged: false, records: [], newRemoval: null });
  });

  it('takes the author and the missing date of the device from a listing, and publishes nothing for that', async () => {
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
