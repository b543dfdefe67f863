import fc from 'fast-check';
import { NEW_YEAR, POOL, wireEvent, wireRecord } from '../fixtures/sync/stream-events.ts';

type Wire = ReturnType<typeof wireEvent>;

/** The result of random operations of devices on datasets: what the service publishes, and its final state. */
export interface History {
  /** The data on the stream, in the order of publication. */
  published: string[];
  /** The final live values: `pool/identity/dataset/key` to value. */
  live: Record<string, string>;
  /** Every dataset that ever existed: `pool/identity/dataset` to whether it is removed in the end. */
  removed: Record<string, boolean>;
  [fc.toStringMethod]?: () => string;
}

/** Whether the event of a removed dataset contains the version of the removal. */
type Removals = 'dated' | 'undated';

const KEYS = ['score', 'level', 'é鍵', 'a b', '0'];
const IDENTITIES = [1, 2].map((digit) => `us-east-1:aaaaaaaa-0000-4000-8000-00000000000${digit}`);
const NAMES = ['game', 'settings'];

const step = fc.record({
  identityId: fc.constantFrom(...IDENTITIES),
  datasetName: fc.constantFrom(...NAMES),
  elapsedMs: fc.integer({ min: 1, max: 5_000 }),
  action: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant('update' as const),
        patches: fc.dictionary(
          fc.constantFrom(...KEYS),
          fc.option(fc.string({ maxLength: 6 }).filter((text) => !text.includes('\0'))),
          { minKeys: 1 },
        ),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant('removeDataset' as const), countStartsAgain: fc.boolean() }),
    },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('bulkPublish' as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('removeRecords' as const) }) },
  ),
});

/** Histories of up to 40 steps: updates, removals of datasets or of all records, re-creations and bulk publishes. */
export const histories = historiesWith('dated');

/** Like `histories`, but the events of removed datasets contain no version. */
export const undatedHistories = historiesWith('undated');

function historiesWith(removals: Removals): fc.Arbitrary<History> {
  return fc.array(step, { minLength: 1, maxLength: 40 }).map((steps) => {
    const service = createService(removals);
    for (const { identityId, datasetName, elapsedMs, action } of steps) {
      const dataset = service.dataset(identityId, datasetName, elapsedMs);
      if (action.type === 'update') dataset.update(action.patches);
      else if (action.type === 'removeDataset') dataset.remove(action.countStartsAgain);
      else if (action.type === 'bulkPublish') dataset.publish();
      else dataset.removeRecords();
    }
    return withText(service.history());
  });
}

/** Adds the text that a failed run prints: one event per line, with versions as `milliseconds into the year.count`. */
export function withText(history: History): History {
  const text = () =>
    [
      '',
      ...history.published.map((data, index) => `  ${index}: ${describeEvent(JSON.parse(data))}`),
      `  in the end: ${JSON.stringify(history.live)}\n`,
    ]
      .join('\n')
      .replaceAll(/us-east-1:[0-9a-f-]+(\d)\b/g, '$1');
  return Object.assign(history, { [fc.toStringMethod]: text });
}

function describeEvent({ kinesisSyncRecords, operation, ...event }: Record<string, unknown>): string {
  const records = Array.isArray(kinesisSyncRecords) ? kinesisSyncRecords : [];
  const written = records.map(
    (record) => `${JSON.stringify(record.key)}@${describeVersion(record)}=${JSON.stringify(record.value)}`,
  );
  return [
    `${event.identityPoolId}/${event.identityId}/${event.datasetName}`,
    `@${describeVersion(event)} ${operation}`,
    ...written,
  ].join(' ');
}

function describeVersion({ lastModifiedDate, syncCount }: Record<string, unknown>): string {
  return lastModifiedDate === null ? 'none' : `${Number(lastModifiedDate) - NEW_YEAR}.${syncCount}`;
}

interface Stored {
  exists: boolean;
  syncCount: number;
  lastModifiedDate: number;
  records: Map<string, Wire>;
}

/** Creates a minimal service in memory. It compares no versions, but applies the operations in order. */
function createService(removals: Removals) {
  const published: string[] = [];
  const datasets = new Map<string, Stored>();
  let now = NEW_YEAR;

  function dataset(identityId: string, datasetName: string, elapsedMs: number) {
    now += elapsedMs;
    const name = `${POOL}/${identityId}/${datasetName}`;
    const stored = datasets.get(name) ?? {
      exists: false,
      syncCount: 0,
      lastModifiedDate: 0,
      records: new Map<string, Wire>(),
    };

    function publish(operation: string, records: Wire[] | null): void {
      const { syncCount, lastModifiedDate } =
        records === null && removals === 'undated' ? { syncCount: null, lastModifiedDate: null } : stored;
      const members = {
        identityPoolId: POOL,
        identityId,
        datasetName,
        operation,
        syncCount,
        lastModifiedDate,
      };
      published.push(JSON.stringify(wireEvent({ ...members, kinesisSyncRecords: records })));
    }
    function change(): void {
      stored.syncCount += 1;
      stored.lastModifiedDate = now;
      datasets.set(name, stored);
    }
    return {
      update(patches: Record<string, string | null>): void {
        change();
        stored.exists = true;
        const { syncCount, lastModifiedDate } = stored;
        const written = Object.entries(patches).map(([key, value]) =>
          wireRecord({ key, value, op: value === null ? 'remove' : 'replace', syncCount, lastModifiedDate }),
        );
        for (const record of written) stored.records.set(String(record.key), record);
        publish('replace', written);
      },
      removeRecords(): void {
        if (stored.records.size === 0) return;
        change();
        const { syncCount, lastModifiedDate } = stored;
        const written = [...stored.records.keys()].map((key) =>
          wireRecord({ key, value: null, op: 'replace', syncCount, lastModifiedDate }),
        );
        for (const record of written) stored.records.set(String(record.key), record);
        publish('remove', written);
      },
      remove(countStartsAgain: boolean): void {
        if (!stored.exists) return;
        change();
        stored.exists = false;
        stored.records.clear();
        publish('remove', null);
        if (countStartsAgain) stored.syncCount = 0;
      },
      publish(): void {
        if (stored.exists) publish('replace', [...stored.records.values()]);
      },
    };
  }

  function history(): History {
    const live: Record<string, string> = {};
    const removed: Record<string, boolean> = {};
    for (const [name, { exists, records }] of datasets) {
      removed[name] = !exists;
      for (const { key, value } of records.values())
        if (typeof value === 'string') live[`${name}/${key}`] = value;
    }
    return { published, live, removed };
  }

  return { dataset, history };
}

/**
 * Generates ways in which a history may reach the projection: each event at least once, some again, in any order and
 * in any batches.
 */
export function deliveriesOf({ published }: History): fc.Arbitrary<string[][]> {
  const indexes = published.map((_, index) => index);
  return fc
    .record({
      again: fc.subarray(indexes),
      order: fc.array(fc.double({ noNaN: true }), {
        minLength: indexes.length * 2,
        maxLength: indexes.length * 2,
      }),
      shuffled: fc.boolean(),
      batchSizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
    })
    .map(({ again, order, shuffled, batchSizes }) => {
      const all = [...indexes, ...again].map((index, position) => ({ index, rank: order[position] ?? 0 }));
      if (shuffled) all.sort((a, b) => a.rank - b.rank);
      const data = all.map(({ index }) => published[index] ?? '');
      const batches: string[][] = [];
      for (let at = 0; at < data.length; ) {
        const size = batchSizes[batches.length % batchSizes.length] ?? 1;
        batches.push(data.slice(at, at + size));
        at += size;
      }
      const text = () => JSON.stringify(batches.map((batch) => batch.map((one) => published.indexOf(one))));
      return Object.assign(batches, { [fc.toStringMethod]: text });
    });
}
