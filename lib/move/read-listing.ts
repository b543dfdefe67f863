import type { PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import { isStorable } from '../common/text.ts';
import type { Version } from '../stream/stream-event.ts';
import type { ReplicaChange, ReplicaRecord } from '../sync/replica.ts';
import type { Origin, OriginDataset, OriginListing } from './ports/origin.ts';

/** Maximum number of listings of one dataset that changes from page to page. */
const LISTINGS = 5;

/** A dataset as read from the origin. */
export interface ReadDataset {
  change: ReplicaChange;
  listing: OriginListing;
}

/**
 * Reads a complete dataset from the origin at one point in time.
 * @returns `gone` if the dataset does not exist, `kept-changing` if it changed during all listings
 * @throws {SyncClientError} the origin did not respond
 */
export async function readListing(
  { origin, paced }: { origin: Origin; paced: PacedCalls },
  key: DatasetKey,
  described: OriginDataset,
): Promise<ReadDataset | 'gone' | 'kept-changing'> {
  for (let attempt = 1; attempt <= LISTINGS; attempt += 1) {
    const listing = await paced(() => origin.listRecords(key));
    if (!listing.exists) return 'gone';
    if (!listing.isConsistent) continue;
    const deletedSyncCount = await findDeletion(
      (count) => paced(() => origin.wasDeletedAfter(key, count)),
      listing,
    );
    return toReadDataset(key, described, listing, deletedSyncCount);
  }
  return 'kept-changing';
}

/**
 * Finds the count that the dataset had after its last deletion. The origin reports only whether a deletion followed a
 * given count. A deletion erases all rows, so the count of the last deletion is below the count of every row. The first
 * write has count 1, so the count of a deletion is at least 2.
 *
 * @returns 0 if the dataset was never deleted
 */
export async function findDeletion(
  wasDeletedAfter: (syncCount: number) => Promise<boolean>,
  { records, syncCount }: Pick<OriginListing, 'records' | 'syncCount'>,
): Promise<number> {
  let atMost = records.reduce((least, { version }) => Math.min(least, version.syncCount - 1), syncCount);
  let above = 1;
  if (atMost <= above || !(await wasDeletedAfter(above))) return 0;
  while (atMost - above > 1) {
    const middle = Math.floor((above + atMost) / 2);
    if (await wasDeletedAfter(middle)) above = middle;
    else atMost = middle;
  }
  return atMost;
}

function toReadDataset(
  dataset: DatasetKey,
  described: OriginDataset,
  listing: OriginListing,
  deletedSyncCount: number,
): ReadDataset {
  const dates = listing.records.map(({ version }) => version.lastModifiedDate);
  // ListDatasets was called first, so its date can be older than the newest record.
  const version: Version = {
    lastModifiedDate: dates.reduce((a, b) => Math.max(a, b), described.lastModifiedDate),
    syncCount: listing.syncCount,
  };
  // The date of a deletion is unknown. With this date, the deletion is older than every record.
  const removal: Version = {
    lastModifiedDate: dates.reduce((a, b) => Math.min(a, b), version.lastModifiedDate),
    syncCount: deletedSyncCount,
  };
  const canStore = ({ key, value }: ReplicaRecord) => isStorable(key) && isStorable(value ?? '');
  const change: ReplicaChange = {
    dataset,
    version,
    removal: deletedSyncCount === 0 ? null : removal,
    records: listing.records.filter(canStore),
    listing: {
      creationDate: described.creationDate,
      lastModifiedBy: listing.lastModifiedBy ?? described.lastModifiedBy ?? dataset.identityId,
      unstorableKeys: listing.records.filter((record) => !canStore(record)).map(({ key }) => key),
    },
  };
  return { change, listing };
}
