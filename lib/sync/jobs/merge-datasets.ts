import type { DatasetKey } from '../../common/dataset-key.ts';
import { afterCommit } from '../after-commit.ts';
import { deletionEvent, type Offloading, recordsEvent } from '../build-stream-event.ts';
import type { SyncDependencies } from '../dependencies.ts';
import type { SyncRecord } from '../model.ts';
import { deletionOf, nextVersion, sizeAfter } from '../next-dataset.ts';
import type { DatasetMerge, Merge, MergeSnapshot, MergeStore, MergeTarget } from '../ports/merge-store.ts';
import { type CountedDataset, exists, type SyncStore } from '../ports/sync-store.ts';
import { splitRecords } from './split-records.ts';

/** The longest dataset name that a device can choose. The name of a copy can be longer: it ends in an identity id. */
const MAX_OWN_NAME_LENGTH = 128;

export interface MergeDatasetsDeps {
  store: Pick<SyncStore, 'readDatasets'>;
  merges: Pick<MergeStore, 'mergeDataset'>;
  offloading: Offloading;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Called after a change is committed, as described in `SyncDependencies`. */
  afterWrite: SyncDependencies['afterWrite'];
}

/**
 * Moves the datasets of an identity that was merged (the disappearing identity) to the identity into which it was
 * merged (the surviving identity). Each dataset is moved in its own transaction. For example, the live records of
 * `game` are copied to the surviving identity's dataset `game.<disappearing identity's id>`, and `game` is deleted. The
 * pool's stream receives an event for the copy and an event for the deletion.
 *
 * If a crash interrupts the merge, or if a device writes to the disappearing identity later, another run moves the
 * remaining datasets. A merge ignores the limits on datasets.
 *
 * Clients build the same names for the copies. Source: Amazon Cognito developer guide, "Handling callbacks".
 *
 * @throws {DatabaseError} some datasets may have been moved; all other datasets of the identity are unchanged
 */
export function createMergeDatasets({
  store,
  merges,
  offloading,
  now,
  afterWrite,
}: MergeDatasetsDeps): (merge: Merge) => Promise<void> {
  return async ({ from, into }) => {
    for (const { datasetName } of await store.readDatasets(from, { after: '', limit: null })) {
      const source = { ...from, datasetName };
      const outboxIds = await merges.mergeDataset(
        source,
        into,
        (isCopy) => targetOf(source, into, isCopy),
        (snapshot) => decide(source, into, snapshot, { at: now(), offloading }),
      );
      for (const outboxId of outboxIds) await afterCommit(outboxId, afterWrite);
    }
  };
}

/**
 * Determines the target of a dataset. A dataset that is already a copy keeps its name: the id in the name says from
 * which identity the dataset came, and names do not grow with each merge. A dataset whose name is too long for a device
 * to have chosen also keeps its name, because no device could request a longer name.
 */
function targetOf(source: DatasetKey, into: string, isCopy: boolean): MergeTarget {
  const { datasetName, identityId } = source;
  const keepsName = isCopy || datasetName.length > MAX_OWN_NAME_LENGTH;
  // Identity ids contain no dot.
  const rootName = keepsName ? datasetName.slice(0, datasetName.lastIndexOf('.')) : datasetName;
  const inSurviving = { ...source, identityId: into };
  return {
    dataset: { ...inSurviving, datasetName: keepsName ? datasetName : `${datasetName}.${identityId}` },
    root: { ...inSurviving, datasetName: rootName },
  };
}

/**
 * Decides how to merge one dataset. If the pool or the surviving identity is deleted, nothing is copied, because the
 * data of both identities is being deleted.
 */
function decide(
  sourceKey: DatasetKey,
  into: string,
  { source, records, target, targetKey }: MergeSnapshot,
  { at, offloading }: { at: number; offloading: Offloading },
): DatasetMerge | null {
  if (!target.poolExists || target.identityDeleted) return null;
  const deletion = deletionOf(source, into, at);
  const deleted = deletionEvent(sourceKey, deletion);
  if (records.length === 0) return { deletion, copy: null, events: [deleted] };
  const copy = copyOf(targetKey, into, { records, target }, at);
  const copied = splitRecords(copy.records).map((group) =>
    recordsEvent(targetKey, copy.dataset, group, offloading),
  );
  return { deletion, copy, events: [...copied, deleted] };
}

/** Builds the update of the target dataset, as a device would write it. The target is nearly always a new dataset. */
function copyOf(
  { datasetName }: DatasetKey,
  modifiedBy: string,
  { records, target }: Pick<MergeSnapshot, 'records' | 'target'>,
  at: number,
): { dataset: CountedDataset; records: SyncRecord[] } {
  const version = nextVersion(target.dataset, at);
  const written = records.map(({ Key, Value }) => ({ key: Key, value: Value }));
  const dataset = {
    datasetName,
    ...version,
    deletedSyncCount: target.dataset?.deletedSyncCount ?? 0,
    creationDate: exists(target.dataset) ? target.dataset.creationDate : version.lastModifiedDate,
    lastModifiedBy: modifiedBy,
    ...sizeAfter(target, written),
  };
  return {
    dataset,
    records: records.map((record) => ({
      ...record,
      SyncCount: version.syncCount,
      LastModifiedDate: version.lastModifiedDate,
      LastModifiedBy: modifiedBy,
    })),
  };
}
