import type { DatasetKey } from '../../common/dataset-key.ts';
import { datasetId, recordId } from '../../database/row-ids.ts';
import type { DatasetUpdate, Snapshot, StoredDataset } from '../ports/sync-store.ts';

type RecordState = NonNullable<ReturnType<Snapshot['records']['get']>>;

interface Kept {
  dataset: StoredDataset;
  /** By record id, each as it is at the dataset's count; null for a record that there is not. */
  records: Map<string, RecordState | null>;
}

/** What the changes made by this process left behind them, so that the next one need not be decided on a new read. */
export interface SnapshotCache {
  /** The dataset, which exists, as this process left it; null where it does not know it, or not each of these records. */
  recall(key: DatasetKey, recordKeys: readonly string[]): Snapshot | null;
  /** An update that was decided on `snapshot`, with these records looked at, is committed. */
  keep(key: DatasetKey, recordKeys: readonly string[], snapshot: Snapshot, update: DatasetUpdate): void;
  /** Others have changed the dataset, or may have. */
  forget(key: DatasetKey): void;
}

/** Some 10 MB: a record takes about 200 bytes, whatever its key. */
const MAX_RECORDS = 50_000;

/**
 * Keeps the states of the datasets changed last, of those that exist. Another process may have changed any of them since: what is recalled
 * is good for a write that is made only while the dataset's count is still the one recalled, and for nothing else.
 *
 * @param maxRecords most records kept, of all datasets; the datasets not used for longest go first
 */
export function createSnapshotCache(maxRecords = MAX_RECORDS): SnapshotCache {
  // A Map keeps the order in which its keys were put in: the one used last is put in last.
  const byId = new Map<string, Kept>();
  let size = 0;

  function take(id: string): Kept | undefined {
    const kept = byId.get(id);
    if (kept && byId.delete(id)) size -= kept.records.size;
    return kept;
  }

  function put(id: string, kept: Kept): void {
    byId.set(id, kept);
    size += kept.records.size;
    for (const oldest of byId.keys()) {
      if (size <= maxRecords) return;
      take(oldest);
    }
  }

  return {
    recall(key, recordKeys) {
      const id = datasetId(key);
      const kept = take(id);
      if (!kept) return null;
      put(id, kept);
      const records = new Map<string, RecordState>();
      for (const recordKey of recordKeys) {
        const state = kept.records.get(recordId(recordKey));
        if (state === undefined) return null;
        if (state !== null) records.set(recordKey, state);
      }
      return { dataset: kept.dataset, spent: false, identityDatasets: 0, poolExists: true, records };
    },

    keep(key, recordKeys, snapshot, { dataset, records }) {
      const id = datasetId(key);
      const before = take(id);
      if (before && before.dataset.syncCount >= dataset.syncCount) {
        put(id, before);
        return;
      }
      const isNext = before?.dataset.syncCount === snapshot.dataset?.syncCount;
      const states = before && isNext ? before.records : new Map<string, RecordState | null>();
      for (const recordKey of recordKeys)
        states.set(recordId(recordKey), snapshot.records.get(recordKey) ?? null);
      for (const { Key, Value, SyncCount } of records) {
        states.set(recordId(Key), {
          syncCount: SyncCount,
          valueBytes: Value === null ? null : Buffer.byteLength(Value),
        });
      }
      put(id, { dataset, records: states });
    },

    forget: (key) => void take(datasetId(key)),
  };
}
