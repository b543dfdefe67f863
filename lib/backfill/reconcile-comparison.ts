import type { DatasetKey } from '../common/dataset-key.ts';
import { ValueRefusedError } from '../common/errors.ts';
import type { QueryStore } from '../projection/query-store.ts';
import { canBeStored, findUnlisted, isRemoved, repairOf } from './reconcile-dataset.ts';
import type { KnownDataset, ReconcileStore } from './reconcile-store.ts';
import { type RemoteDataset, type SyncClient, SyncClientError } from './sync-client.ts';

/** A dataset that changes as often while it is listed is left as it is. */
const LISTINGS = 5;

/** Why a dataset is left as it is: the service refuses its name, it never stood still, the database refused a value. */
export type SkipReason = 'refused' | 'kept-changing' | 'value-refused';

export interface Comparison {
  result: 'same' | 'repaired' | SkipReason;
  /** Records of the service that no SQL text can hold. */
  leftOut: number;
}

interface ComparisonDeps {
  store: Pick<ReconcileStore, 'readDataset'> & Pick<QueryStore, 'apply'>;
  listRecords: SyncClient['listRecords'];
}

/**
 * Compares one dataset, and mends it. The store is read first, then the service is asked: what is written in between
 * only makes the store newer.
 *
 * @param isNamed whether the service names it among the datasets of its identity
 * @throws {SyncClientError} the service did not answer
 */
export async function compareDataset(
  { store, listRecords }: ComparisonDeps,
  dataset: DatasetKey,
  isNamed: boolean,
): Promise<Comparison> {
  const known = await store.readDataset(dataset);
  if (known !== null && isRemoved(known) && !isNamed) return { result: 'same', leftOut: 0 };
  try {
    const listed = await listWhole(() => listRecords(dataset), known);
    if (listed === null) return { result: 'kept-changing', leftOut: 0 };
    const change = repairOf(dataset, known, listed);
    const leftOut = listed.records.filter((record) => !canBeStored(record)).length;
    if (change === null) return { result: 'same', leftOut };
    const { recordsChanged } = await store.apply([change]);
    return { result: recordsChanged > 0 || change.removal !== null ? 'repaired' : 'same', leftOut };
  } catch (error) {
    if (error instanceof ValueRefusedError) return { result: 'value-refused', leftOut: 0 };
    // Such as the name of a merged copy, which can be longer than the API takes.
    if (error instanceof SyncClientError && error.condition === 'refused')
      return { result: 'refused', leftOut: 0 };
    throw error;
  }
}

/**
 * A record that is written while its dataset is listed page by page can be on none of the pages. So before a record is
 * taken for removed, the dataset is listed again: if its count is the same, nothing was written meanwhile.
 *
 * @returns null where that was never so
 */
async function listWhole(
  list: () => Promise<RemoteDataset>,
  known: KnownDataset | null,
): Promise<RemoteDataset | null> {
  let listed = await list();
  for (let listing = 2; listing <= LISTINGS; listing += 1) {
    if (findUnlisted(known, listed).length === 0) return listed;
    const again = await list();
    if (again.exists && again.syncCount === listed.syncCount) return listed;
    listed = again;
  }
  return findUnlisted(known, listed).length === 0 ? listed : null;
}
