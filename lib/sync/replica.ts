import type { DatasetChange } from '../projection/fold-events.ts';
import { compareVersions, newest } from '../projection/version.ts';
import type { StreamRecord, Version } from '../stream/stream-event.ts';
import type { SyncRecord } from './model.ts';
import type { StoredDataset } from './ports/sync-store.ts';

/** A record of another service. `lastModifiedBy` is null if it came from an event, which does not name the author. */
export interface ReplicaRecord extends StreamRecord {
  lastModifiedBy: string | null;
}

/**
 * What another service reports about a dataset: a complete listing, or the folded events of its stream. The versions are
 * those of that service.
 */
export interface ReplicaChange extends Omit<DatasetChange, 'records'> {
  records: readonly ReplicaRecord[];
  /**
   * Set if `records` are all rows of the dataset at one point in time, tombstones included, except for the rows with
   * these keys, which SQL text cannot store.
   */
  listing: { creationDate: number; lastModifiedBy: string; unstorableKeys: readonly string[] } | null;
}

/** A dataset that is a replica of a dataset at another service. */
export interface StoredReplica extends Omit<StoredDataset, 'dataStorage' | 'numRecords' | 'datasetName'> {
  /** The date of the removal with the count `deletedSyncCount`; null if it is unknown. */
  removedDate: number | null;
}

/** A stored row of a replica, without its value. */
export interface StoredReplicaRecord {
  version: Version;
  lastModifiedBy: string;
  deviceLastModifiedDate: number | null;
  /** False for a tombstone. */
  isLive: boolean;
}

/** The next state of a replica. */
export interface NextReplica {
  dataset: StoredReplica;
  /** Whether the dataset differs from the stored one. */
  isChanged: boolean;
  /** Rows to write, in the order of their counts. */
  records: SyncRecord[];
  /**
   * The rows in `records` that consumers of the stream do not know yet, and a tombstone for each live row in
   * `erasedKeys`.
   */
  published: SyncRecord[];
  /** The version of the dataset for the events about `published`. */
  publishedVersion: Version;
  /** The version of the removal, for the event about it. Null if the change contains no new removal. */
  newRemoval: Version | null;
  /** Keys of stored rows to erase, because a listing does not contain them. */
  erasedKeys: string[];
}

/**
 * Computes the next state of a replica: the newest version of the dataset, of its removal and of each record, in the
 * version order. The result therefore depends neither on the order of the changes nor on how often each occurs.
 *
 * A listing that is newer than the last known removal says more: it knows the count of the last removal, and it
 * contains every row up to its own count. A stored row that it does not contain was erased at the other service, by a
 * removal of the dataset or because its tombstone expired. A row or a dataset with a higher count is newer, even if the
 * clock of the other service was set back.
 *
 * The sync store decides by counts which rows exist. If the other service started counting again when a dataset was
 * created again, the new rows would have lower counts than the removal, and would count as removed. In this case, the
 * removal's count is stored as 0.
 *
 * @param stored null if there is no replica of the dataset yet
 * @param rows the stored rows, by key: all rows for a listing, otherwise those with the keys of the change
 */
export function nextReplica(
  stored: StoredReplica | null,
  rows: ReadonlyMap<string, StoredReplicaRecord>,
  change: ReplicaChange,
): NextReplica {
  const before = stored && removalOf(stored);
  const removal = newest<Version | null>(before, change.removal);
  const isListing = change.listing !== null && isAfter(change.version, before);
  const version = newestVersion(stored, change, isListing);
  const dataset = { ...describe(stored, change, version), ...stateOf(version, removal) };
  const isNewer = isNewerThan(rows, isListing);
  const kept = change.records
    .filter((record) => isAfter(record.version, removal))
    .sort((a, b) => a.version.syncCount - b.version.syncCount);
  const toWritten = toSyncRecord(change.dataset.identityId);
  const erasedKeys = isListing ? unlistedKeys(rows, change) : [];
  const gone = erasedKeys.filter((key) => rows.get(key)?.isLive);
  return {
    dataset,
    isChanged: stored === null || !isEqual(stored, dataset),
    records: kept.filter((record) => isNewer(record) !== null).map(toWritten),
    published: [
      ...kept.filter((record) => isNewer(record) === 'published').map(toWritten),
      ...gone.map((key) => toWritten(tombstoneOf(key, change.version))),
    ],
    publishedVersion: versionOf(dataset),
    newRemoval: removal !== null && isAfter(removal, before) ? removal : null,
    erasedKeys,
  };
}

function newestVersion(
  stored: StoredReplica | null,
  { version }: ReplicaChange,
  isListing: boolean,
): Version {
  const last = newest(version, stored && versionOf(stored));
  return isListing ? { ...last, syncCount: Math.max(last.syncCount, version.syncCount) } : last;
}

/** Returns the keys of the stored rows that the listing would contain if they still existed. */
function unlistedKeys(
  rows: ReadonlyMap<string, StoredReplicaRecord>,
  { listing, records, version }: ReplicaChange,
): string[] {
  const listed = new Set([...records.map(({ key }) => key), ...(listing?.unstorableKeys ?? [])]);
  const isListed = (row: StoredReplicaRecord) =>
    compareVersions(row.version, version) <= 0 || row.version.syncCount <= version.syncCount;
  return [...rows].flatMap(([key, row]) => (!listed.has(key) && isListed(row) ? [key] : []));
}

function tombstoneOf(key: string, version: Version): ReplicaRecord {
  return { key, value: null, version, deviceLastModifiedDate: null, lastModifiedBy: null };
}

/** The date of a removal that this service made itself is known only until the dataset is written again. */
function removalOf({ removedDate, deletedSyncCount, ...stored }: StoredReplica): Version | null {
  if (removedDate === null && deletedSyncCount === 0) return null;
  const ownDate = stored.syncCount === deletedSyncCount ? stored.lastModifiedDate : 0;
  return { lastModifiedDate: removedDate ?? ownDate, syncCount: deletedSyncCount };
}

function versionOf({ lastModifiedDate, syncCount }: StoredReplica): Version {
  return { lastModifiedDate, syncCount };
}

function isAfter(version: Version, removal: Version | null): boolean {
  return removal === null || compareVersions(version, removal) > 0;
}

function stateOf(
  version: Version,
  removal: Version | null,
): Pick<StoredReplica, 'syncCount' | 'lastModifiedDate' | 'deletedSyncCount' | 'removedDate'> {
  const removedDate = removal?.lastModifiedDate ?? null;
  if (removal !== null && !isAfter(version, removal)) {
    return { ...removal, deletedSyncCount: removal.syncCount, removedDate };
  }
  const removedCount = removal?.syncCount ?? 0;
  return { ...version, deletedSyncCount: removedCount < version.syncCount ? removedCount : 0, removedDate };
}

function describe(
  stored: StoredReplica | null,
  { dataset, listing, version: given }: ReplicaChange,
  version: Version,
): Pick<StoredReplica, 'creationDate' | 'lastModifiedBy'> {
  const isCurrent = compareVersions(given, version) === 0;
  const isNew = stored === null || stored.syncCount <= stored.deletedSyncCount;
  const isOwn = stored !== null && compareVersions(versionOf(stored), version) === 0;
  // An event does not name its author, who is nearly always the user.
  const author = isOwn ? stored.lastModifiedBy : dataset.identityId;
  return {
    creationDate: listing?.creationDate ?? (isNew ? given.lastModifiedDate : stored.creationDate),
    lastModifiedBy: (isCurrent ? listing?.lastModifiedBy : undefined) ?? author,
  };
}

/** Returns a function that says whether a row must be written, and whether consumers of the stream need it. */
function isNewerThan(
  rows: ReadonlyMap<string, StoredReplicaRecord>,
  isListing: boolean,
): (record: ReplicaRecord) => 'published' | 'written' | null {
  return ({ key, version, deviceLastModifiedDate, lastModifiedBy }) => {
    const row = rows.get(key);
    const order = row === undefined ? 1 : compareVersions(version, row.version);
    if (row === undefined || order > 0) return 'published';
    if (!isListing) return null;
    if (order < 0) return version.syncCount > row.version.syncCount ? 'published' : null;
    // The row came from an event. The listing knows its author, and whether the device sent a date.
    const isSame =
      row.deviceLastModifiedDate === deviceLastModifiedDate &&
      (lastModifiedBy === null || row.lastModifiedBy === lastModifiedBy);
    return isSame ? null : 'written';
  };
}

function toSyncRecord(identityId: string): (record: ReplicaRecord) => SyncRecord {
  return ({ key, value, version, deviceLastModifiedDate, lastModifiedBy }) => ({
    Key: key,
    Value: value,
    SyncCount: version.syncCount,
    LastModifiedDate: version.lastModifiedDate,
    LastModifiedBy: lastModifiedBy ?? identityId,
    DeviceLastModifiedDate: deviceLastModifiedDate,
  });
}

function isEqual(a: StoredReplica, b: StoredReplica): boolean {
  return (
    a.syncCount === b.syncCount &&
    a.deletedSyncCount === b.deletedSyncCount &&
    a.creationDate === b.creationDate &&
    a.lastModifiedDate === b.lastModifiedDate &&
    a.lastModifiedBy === b.lastModifiedBy &&
    a.removedDate === b.removedDate
  );
}
