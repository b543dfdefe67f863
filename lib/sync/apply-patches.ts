import { ServiceError } from '../common/errors.ts';
import { checkCounts } from './check-counts.ts';
import type { Limits } from './limits.ts';
import type { SyncRecord } from './model.ts';
import { nextVersion, type Size, sizeAfter } from './next-dataset.ts';
import { exists, type Snapshot, type StoredDataset } from './ports/sync-store.ts';
import type { Patch } from './read-patches.ts';

/**
 * What a dataset and its records become by the patches of one call: all of them apply, or none.
 *
 * @throws {ServiceError} InvalidParameterException: a patch counts on from what was never there;
 *   ResourceConflictException, in the documented words: a patch is older than the record;
 *   LimitExceededException: the dataset would be one too many, have too many records or be too large
 */
export function applyPatches(
  snapshot: Snapshot,
  patches: readonly Patch[],
  { datasetName, modifiedBy, now, limits }: Change,
): { dataset: StoredDataset; records: SyncRecord[] } {
  const { records: current } = snapshot;
  const ofRecord = (key: string) => current.get(key)?.syncCount ?? 0;
  checkCounts({ dataset: snapshot.dataset?.syncCount ?? 0, ofRecord }, patches);
  const version = nextVersion(snapshot.dataset, now);
  const before = exists(snapshot.dataset) ? snapshot.dataset : null;
  const dataset: StoredDataset = {
    datasetName,
    deletedSyncCount: snapshot.dataset?.deletedSyncCount ?? 0,
    creationDate: before?.creationDate ?? version.lastModifiedDate,
    lastModifiedBy: modifiedBy,
    ...version,
    ...sizeAfter(snapshot, patches),
  };
  checkLimits(dataset, before, snapshot.identityDatasets, limits);
  const records = patches.map((patch) => ({
    Key: patch.key,
    Value: patch.value,
    SyncCount: version.syncCount,
    LastModifiedDate: version.lastModifiedDate,
    LastModifiedBy: modifiedBy,
    DeviceLastModifiedDate: patch.deviceLastModifiedDate,
  }));
  return { dataset, records };
}

interface Change {
  datasetName: string;
  modifiedBy: string;
  now: number;
  limits: Limits;
}

/** Only what grows is refused: a dataset that is over a limit since that was lowered can still be made smaller. */
function checkLimits(after: Size, before: Size | null, identityDatasets: number, limits: Limits): void {
  if (before === null && identityDatasets >= limits.datasetsPerIdentity) {
    throw limitExceeded(
      `the identity has ${identityDatasets} datasets; ${limits.datasetsPerIdentity} are allowed`,
    );
  }
  if (after.numRecords > Math.max(limits.recordsPerDataset, before?.numRecords ?? 0)) {
    throw limitExceeded(
      `the dataset would have ${after.numRecords} records; ${limits.recordsPerDataset} are allowed`,
    );
  }
  if (after.dataStorage > Math.max(limits.datasetBytes, before?.dataStorage ?? 0)) {
    throw limitExceeded(
      `the dataset would have ${after.dataStorage} bytes of keys and values; ${limits.datasetBytes} are allowed`,
    );
  }
}

function limitExceeded(why: string): ServiceError {
  return new ServiceError('LimitExceededException', why);
}
