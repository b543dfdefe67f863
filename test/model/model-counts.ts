import type { RecordPatch } from '../../lib/sync/model.ts';
import { type ModelDataset, reject } from './model-state.ts';

/** Rejects a count below the record's count, because it is stale, and a count above the dataset's count. */
export function checkCounts(dataset: ModelDataset, patches: readonly RecordPatch[]): void {
  for (const { Key, SyncCount } of patches) {
    if (SyncCount > dataset.count) noSuchCount(SyncCount);
    const current = dataset.records.get(Key)?.SyncCount ?? 0;
    if (SyncCount < current) {
      reject('ResourceConflictException', `Current SyncCount for: ${Key} is: ${current} not: ${SyncCount}`);
    }
  }
}

export function noSuchCount(count: number): never {
  return reject('InvalidParameterException', `No such SyncCount: ${count} exists for this Dataset`);
}
