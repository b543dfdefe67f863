import type { DatasetKey } from '../../common/dataset-key.ts';
import { ValueRefusedError } from '../../common/errors.ts';
import type { QueryStore } from '../../projection/ports/query-store.ts';
import type { KnownDataset, ReconcileStore } from '../ports/reconcile-store.ts';
import { type RemoteDataset, type SyncClient, SyncClientError } from '../ports/sync-client.ts';
import { canBeStored, findUnlisted, isRemoved, repairOf } from './reconcile-dataset.ts';

/** Maximum number of listings of one dataset. If the dataset changes from each listing to the next, it is skipped. */
const LISTINGS = 5;

/**
 * Why a dataset is skipped: the service rejects the dataset's name, the dataset kept changing, or the database rejected
 * a value.
 */
export type SkipReason = 'refused' | 'kept-changing' | 'value-refused';

export interface Comparison {
  result: 'same' | 'repaired' | SkipReason;
  /** Number of the service's records that SQL text cannot store. */
  leftOut: number;
}

interface ComparisonDeps {
  store: Pick<ReconcileStore, 'readDataset'> & Pick<QueryStore, 'apply'>;
  listRecords: SyncClient['listRecords'];
}

/**
 * Compares one dataset in the query store with the dataset at the service. Repairs differences in the store. Reads the
 * store before the service, so that the service's listing is never older than the data read from the store.
 *
 * @param isNamed whether ListDatasets returns the dataset for its identity
 * @throws {SyncClientError} the service did not respond
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
    // The API can reject the dataset's name: the name of a dataset that a merge of identities copied can be longer than
    // the API accepts.
    if (error instanceof SyncClientError && error.condition === 'refused')
      return { result: 'refused', leftOut: 0 };
    throw error;
  }
}

/**
 * Lists a dataset consistently. A record written while the dataset is listed page by page can be missing from every
 * page. Before a record counts as removed, the dataset is therefore listed again. If the dataset's sync count is
 * unchanged, nothing was written between the two listings.
 *
 * @returns null if the sync count changed between all listings
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
