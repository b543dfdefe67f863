import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import type { SyncOperations } from '../../lib/sync/model.ts';
import { SERVICE_DATABASES } from '../fixtures/database/databases.ts';
import { deleteRows } from '../fixtures/database/delete-rows.ts';
import { createPool } from '../fixtures/identity/identity-pools.ts';
import { createMerger, mergeOf } from '../fixtures/sync/merges.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService } from '../fixtures/sync/sync-service.ts';
import { clearRows, projectInline, RUNS, readVisible, TIMEOUT_MS } from './projection-database.ts';

vi.setConfig({ testTimeout: TIMEOUT_MS });

const IDENTITIES = ['us-east-1:a', 'us-east-1:b', 'us-east-1:c'];
/** Names of datasets. The second name can also be the name of a copy that a merge makes. */
const NAMES = ['game', 'game.us-east-1:a', 'settings'];

type Step =
  | { kind: 'write'; identity: number; name: number; values: Record<string, string | null> }
  | { kind: 'delete'; identity: number; name: number }
  /** Merges an identity into the identity that is `by` places later in IDENTITIES, or into the last one. */
  | { kind: 'merge'; from: number; by: number }
  | { kind: 'tick'; ms: number };

const identity = fc.nat({ max: IDENTITIES.length - 1 });
const name = fc.nat({ max: NAMES.length - 1 });
const values = fc.dictionary(
  fc.constantFrom('k', 'l', 'm'),
  fc.option(fc.string({ maxLength: 2, unit: 'grapheme-ascii' })),
  { minKeys: 1, noNullPrototype: true },
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), identity, name, values }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), identity, name }) },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('merge' as const),
        from: fc.nat({ max: IDENTITIES.length - 2 }),
        by: fc.integer({ min: 1, max: IDENTITIES.length - 1 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('tick' as const), ms: fc.integer({ min: -5, max: 5 }) }),
    },
  ),
  { maxLength: 25 },
);

/** The expected state: values by identity and dataset and, for each copy, the dataset that lists it (its root). */
class Expected {
  readonly #datasets = new Map<string, { values: Map<string, string | null>; root: string | null }>();

  write(identityId: string, datasetName: string, written: Record<string, string | null>): void {
    const place = `${identityId}/${datasetName}`;
    const dataset = this.#datasets.get(place) ?? { values: new Map(), root: null };
    for (const [key, value] of Object.entries(written)) dataset.values.set(key, value);
    this.#datasets.set(place, dataset);
  }

  exists(identityId: string, datasetName: string): boolean {
    return this.#datasets.has(`${identityId}/${datasetName}`);
  }

  delete(identityId: string, datasetName: string): void {
    this.#datasets.delete(`${identityId}/${datasetName}`);
  }

  merge(from: string, into: string): void {
    for (const datasetName of this.namesOf(from)) {
      const source = this.#datasets.get(`${from}/${datasetName}`);
      const live = [...(source?.values ?? [])].filter(([, value]) => value !== null);
      const isCopy = source?.root != null;
      this.delete(from, datasetName);
      if (live.length === 0) continue;
      const copyName = isCopy ? datasetName : `${datasetName}.${from}`;
      this.write(into, copyName, Object.fromEntries(live));
      const copy = this.#datasets.get(`${into}/${copyName}`);
      if (copy) copy.root = source?.root ?? datasetName;
    }
  }

  namesOf(identityId: string): string[] {
    return [...this.#datasets.keys()]
      .filter((place) => place.startsWith(`${identityId}/`))
      .map((place) => place.slice(identityId.length + 1))
      .sort();
  }

  liveOf(identityId: string, datasetName: string): Record<string, string | null> {
    const live = [...(this.#datasets.get(`${identityId}/${datasetName}`)?.values ?? [])];
    return Object.fromEntries(live.filter(([, value]) => value !== null));
  }

  copiesOf(identityId: string, root: string): string[] | null {
    const copies = this.namesOf(identityId).filter(
      (datasetName) => this.#datasets.get(`${identityId}/${datasetName}`)?.root === root,
    );
    return copies.length > 0 ? copies : null;
  }
}

describe.each(SERVICE_DATABASES)('merges in random histories on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
    await createPool(database);
  });
  afterAll(() => database.close());

  const clear = async () => {
    await clearRows(database);
    const tables = ['datasets', 'records', 'merged_datasets', 'spent_tokens', 'outbox'];
    await deleteRows(
      database,
      tables.map((table) => `sync.${table}`),
    );
  };

  async function play(history: readonly Step[]): Promise<{ operations: SyncOperations; expected: Expected }> {
    const { operations, clock } = createSyncService(database);
    const merge = createMerger(database, clock);
    const expected = new Expected();
    for (const step of history) {
      if (step.kind === 'tick') clock.now += step.ms;
      else if (step.kind === 'merge') {
        const from = IDENTITIES[step.from] ?? '';
        const into = IDENTITIES[Math.min(step.from + step.by, IDENTITIES.length - 1)] ?? '';
        await merge(mergeOf(from, into));
        expected.merge(from, into);
      } else {
        const place = { identityId: IDENTITIES[step.identity] ?? '', datasetName: NAMES[step.name] ?? '' };
        const device = createDevice(operations, place);
        if (step.kind === 'write') {
          const { DatasetSyncCount: SyncCount } = await device.list();
          const patches = Object.entries(step.values).map(([Key, Value]) =>
            Value === null
              ? { Op: 'remove' as const, Key, SyncCount }
              : { Op: 'replace' as const, Key, Value, SyncCount },
          );
          await device.update(...patches);
          expected.write(place.identityId, place.datasetName, step.values);
        } else if (expected.exists(place.identityId, place.datasetName)) {
          await device.remove();
          expected.delete(place.identityId, place.datasetName);
        }
      }
    }
    return { operations, expected };
  }

  /** Lists the records as devices do, in the format of the query store. */
  async function readListed(operations: SyncOperations) {
    const records: Record<string, unknown> = {};
    for (const identityId of IDENTITIES) {
      const { Datasets } = await createDevice(operations, { identityId }).listDatasets();
      for (const { DatasetName: datasetName } of Datasets) {
        const listed = await createDevice(operations, { identityId, datasetName }).list();
        for (const { Key, Value, SyncCount, LastModifiedDate } of listed.Records) {
          if (Value === null) continue;
          records[`${POOL}/${identityId}/${datasetName}/${Key}`] = {
            lastModifiedDate: LastModifiedDate,
            syncCount: SyncCount,
            value: Value,
            numericValue: expect.toSatisfy((value) => value === null || typeof value === 'string'),
          };
        }
      }
    }
    return records;
  }

  it('leave the expected datasets and values, and list the expected copies', async () => {
    await fc.assert(
      fc
        .asyncProperty(steps, async (history) => {
          const { operations, expected } = await play(history);
          for (const identityId of IDENTITIES) {
            const { Datasets } = await createDevice(operations, { identityId }).listDatasets();
            expect(Datasets.map(({ DatasetName }) => DatasetName)).toEqual(expected.namesOf(identityId));
            for (const datasetName of new Set([...NAMES, ...expected.namesOf(identityId)])) {
              const listed = await createDevice(operations, { identityId, datasetName }).list();
              const live = listed.Records.filter(({ Value }) => Value !== null);
              expect(Object.fromEntries(live.map(({ Key, Value }) => [Key, Value]))).toEqual(
                expected.liveOf(identityId, datasetName),
              );
              expect(listed.MergedDatasetNames).toEqual(expected.copiesOf(identityId, datasetName));
            }
          }
        })
        .beforeEach(clear),
      { numRuns: RUNS },
    );
  });

  it('publish events that bring the query store to the state of the service, regardless of the order of projection', async () => {
    await fc.assert(
      fc
        .asyncProperty(steps, fc.infiniteStream(fc.nat()), async (history, order) => {
          const { operations } = await play(history);
          const { rows } = await database.query<{ event: string }>('SELECT event FROM sync.outbox');
          const shuffled = rows
            .map(({ event }) => ({ event, place: order.next().value ?? 0 }))
            .sort((a, b) => a.place - b.place)
            .map(({ event }) => event);
          const middle = Math.floor(shuffled.length / 2);
          await projectInline(database, shuffled.slice(0, middle));
          await projectInline(database, shuffled.slice(middle));
          const { datasets, records } = await readVisible(database);
          expect(records).toEqual(await readListed(operations));
          for (const identityId of IDENTITIES) {
            const { Datasets } = await createDevice(operations, { identityId }).listDatasets();
            const projected = Object.entries(datasets).flatMap(([place, { deleted }]) =>
              place.startsWith(`${POOL}/${identityId}/`) && !deleted
                ? [place.slice(`${POOL}/${identityId}/`.length)]
                : [],
            );
            expect(projected.sort()).toEqual(Datasets.map(({ DatasetName }) => DatasetName));
          }
        })
        .beforeEach(clear),
      { numRuns: RUNS },
    );
  });
});
