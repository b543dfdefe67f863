import type { DatasetKey } from '../../common/dataset-key.ts';
import { datasetId, recordId } from '../../database/row-ids.ts';
import type { CountedDataset, DatasetUpdate, Snapshot } from '../ports/sync-store.ts';

type RecordState = NonNullable<ReturnType<Snapshot['records']['get']>>;

interface CachedDataset {
  dataset: CountedDataset;
  /**
   * The states of records at the sync count of `dataset`, by record id. Records that do not exist have no entry. If
   * they had entries, removals of unknown keys could fill the cache and evict the datasets of other identities.
   */
  records: Map<string, RecordState>;
}

/**
 * Caches the states of datasets after the changes of this process. So the next change of a cached dataset need not read
 * the state from the database.
 */
export interface SnapshotCache {
  /** Returns a dataset in the state that this process left; null if the dataset or one of the records is not cached. */
  recall(key: DatasetKey, recordKeys: readonly string[]): Snapshot | null;
  /** Stores the result of a committed update that was decided from `snapshot`, which includes the given records. */
  keep(key: DatasetKey, recordKeys: readonly string[], snapshot: Snapshot, update: DatasetUpdate): void;
  /** Evicts a dataset that another process has changed, or may have changed. */
  forget(key: DatasetKey): void;
}

/** Limits the cache to about 10 MB, because a cached record takes about 200 bytes, regardless of its key. */
const MAX_CACHED_RECORDS = 50_000;

/**
 * Caches the states of the existing datasets that this process changed last. Another process may have changed a dataset
 * since then. So a cached snapshot may be used only for a write that requires the dataset's count to be unchanged.
 *
 * @param maxRecords maximum number of records of all datasets; the least recently used datasets are evicted first
 */
export function createSnapshotCache(maxRecords = MAX_CACHED_RECORDS): SnapshotCache {
  // A Map iterates in insertion order. A dataset that is used is inserted again, so the least recently used dataset
  // comes first.
  const byId = new Map<string, CachedDataset>();
  let size = 0;

  function take(id: string): CachedDataset | undefined {
    const cached = byId.get(id);
    if (cached && byId.delete(id)) size -= cached.records.size;
    return cached;
  }

  function put(id: string, cached: CachedDataset): void {
    byId.set(id, cached);
    size += cached.records.size;
    for (const oldest of byId.keys()) {
      if (size <= maxRecords) return;
      take(oldest);
    }
  }

  return {
    recall(key, recordKeys) {
      const id = datasetId(key);
      const cached = take(id);
      if (!cached) return null;
      put(id, cached);
      const records = new Map<string, RecordState>();
      for (const recordKey of recordKeys) {
        const state = cached.records.get(recordId(recordKey));
        if (state === undefined) return null;
        records.set(recordKey, state);
      }
      return {
        dataset: cached.dataset,
        spent: false,
        identityDatasets: 0,
        poolExists: true,
        identityDeleted: false,
        records,
      };
    },

    keep(key, recordKeys, snapshot, { dataset, records }) {
      const id = datasetId(key);
      const before = take(id);
      if (before && before.dataset.syncCount >= dataset.syncCount) {
        put(id, before);
        return;
      }
      const isNext = before?.dataset.syncCount === snapshot.dataset?.syncCount;
      const states = before && isNext ? before.records : new Map<string, RecordState>();
      for (const recordKey of recordKeys) {
        const state = snapshot.records.get(recordKey);
        if (state) states.set(recordId(recordKey), state);
      }
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
