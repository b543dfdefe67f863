import { ServiceError } from '../common/errors.ts';
import { checkCounts } from './check-counts.ts';
import type { Limits } from './limits.ts';
import type { SyncRecord } from './model.ts';
import { EMPTY, nextVersion, type Size, sizeAfter } from './next-dataset.ts';
import { type CountedDataset, exists, type Snapshot, type VersionedUpdate } from './ports/sync-store.ts';
import type { Patch } from './read-patches.ts';
import { checkRowLimits } from './row-limits.ts';

/** The result of applying the patches of one call. */
interface AppliedPatches {
  /** The dataset's new state. */
  dataset: CountedDataset;
  /** The records to return to the caller: one per patch, in the order of the patches. */
  records: SyncRecord[];
  /**
   * The records to write to the database and to publish: all of `records`, except the removal of a key that has neither
   * a record nor a tombstone. No device can have a record with such a key, so no device needs to learn of the removal.
   */
  written: SyncRecord[];
}

/**
 * Applies all patches of one call to a snapshot. If one patch is rejected, no patch is applied.
 *
 * @throws {ServiceError} InvalidParameterException if a patch's count is above the dataset's count;
 *   ResourceConflictException, with the text that Amazon documents, if a patch is older than its record;
 *   LimitExceededException if the identity would have too many datasets, or the dataset too many records, bytes or rows
 */
export function applyPatches(
  snapshot: Snapshot,
  patches: readonly Patch[],
  { datasetName, modifiedBy, now, limits }: Change,
): AppliedPatches {
  const { records: current } = snapshot;
  const ofRecord = (key: string) => current.get(key)?.syncCount ?? 0;
  checkCounts({ dataset: snapshot.dataset?.syncCount ?? 0, ofRecord }, patches);
  const version = nextVersion(snapshot.dataset, now);
  const before = exists(snapshot.dataset) ? snapshot.dataset : null;
  const hasRow = ({ key, value }: Pick<Patch, 'key' | 'value'>) => value !== null || current.has(key);
  const dataset: CountedDataset = {
    datasetName,
    deletedSyncCount: snapshot.dataset?.deletedSyncCount ?? 0,
    creationDate: before?.creationDate ?? version.lastModifiedDate,
    lastModifiedBy: modifiedBy,
    ...version,
    ...sizeAfter(snapshot, patches.filter(hasRow)),
  };
  checkLimits(dataset, before, snapshot.identityDatasets, limits);
  const records = toRecords(patches, dataset);
  return {
    dataset,
    records,
    written: records.filter(({ Key, Value }) => hasRow({ key: Key, value: Value })),
  };
}

interface Change {
  datasetName: string;
  modifiedBy: string;
  now: number;
  limits: Limits;
}

/** Returns the records that patches write, with the count and the date of the dataset's new version. */
export function toRecords(
  patches: readonly Patch[],
  { syncCount, lastModifiedDate, lastModifiedBy }: VersionedUpdate['next'],
): SyncRecord[] {
  return patches.map((patch) => ({
    Key: patch.key,
    Value: patch.value,
    SyncCount: syncCount,
    LastModifiedDate: lastModifiedDate,
    LastModifiedBy: lastModifiedBy,
    DeviceLastModifiedDate: patch.deviceLastModifiedDate,
  }));
}

/**
 * Rejects a change that exceeds a limit. A change that does not make the dataset larger always passes, so that a
 * dataset can still be reduced if it is above a limit that was lowered.
 */
function checkLimits(after: Size, before: Size | null, identityDatasets: number, limits: Limits): void {
  if (before === null && identityDatasets >= limits.datasetsPerIdentity) {
    throw limitExceeded(
      `the identity has ${identityDatasets} datasets, but the limit is ${limits.datasetsPerIdentity}; delete a dataset first`,
    );
  }
  if (after.numRecords > Math.max(limits.recordsPerDataset, before?.numRecords ?? 0)) {
    throw limitExceeded(
      `the dataset would have ${after.numRecords} records, but the limit is ${limits.recordsPerDataset}; remove records first`,
    );
  }
  if (after.dataStorage > Math.max(limits.datasetBytes, before?.dataStorage ?? 0)) {
    throw limitExceeded(
      `the dataset would have ${after.dataStorage} bytes of keys and values, but the limit is ${limits.datasetBytes}; remove records first`,
    );
  }
  checkRowLimits(before ?? EMPTY, after, limits);
}

function limitExceeded(message: string): ServiceError {
  return new ServiceError('LimitExceededException', message);
}
