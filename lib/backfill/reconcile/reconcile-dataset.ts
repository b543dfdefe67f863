import type { DatasetKey } from '../../common/dataset-key.ts';
import { isStorable } from '../../common/text.ts';
import type { DatasetChange } from '../../projection/fold-events.ts';
import { compareVersions, newest } from '../../projection/version.ts';
import type { StreamRecord, Version } from '../../stream/stream-event.ts';
import type { KnownDataset, KnownRecord } from '../ports/reconcile-store.ts';
import type { RemoteDataset, RemoteRecord } from '../ports/sync-client.ts';

/**
 * Computes the change that makes the query store match the service's listing of a dataset. The change is subject to the
 * version order, like any event. Anything that was written to the store since the dataset was read is newer and
 * therefore remains.
 *
 * @param known the dataset in the store, read before the listing; null if the store does not know it
 * @returns null if nothing differs
 */
export function repairOf(
  dataset: DatasetKey,
  known: KnownDataset | null,
  listed: RemoteDataset,
): DatasetChange | null {
  if (!listed.exists) return known === null ? null : removalOf(dataset, known);
  const records = [
    ...listed.records.filter(canBeStored).filter(isNewerThan(known)).map(toStreamRecord),
    ...findUnlisted(known, listed).map((record) => tombstoneOf(record, listed)),
  ];
  const version = records.reduce<Version | null>((last, record) => newest(last, record.version), null);
  // ListRecords returns no date for a dataset without records, so there is no version to write.
  return version === null ? null : { dataset, version, removal: null, records };
}

/**
 * Returns the live records of the store that the service does not list, not even as tombstones. Such records exist if
 * the dataset was deleted and created again. If the dataset no longer exists, the result is empty, because the dataset
 * is then removed as a whole.
 */
export function findUnlisted(known: KnownDataset | null, listed: RemoteDataset): KnownRecord[] {
  if (known === null || !listed.exists) return [];
  const keys = new Set(listed.records.map(({ key }) => key));
  return known.records.filter((record) => isLive(record, known) && !keys.has(record.key));
}

/** Whether the store shows the dataset as removed, without any newer record. */
export function isRemoved(known: KnownDataset): boolean {
  return known.removal !== null && compareVersions(known.removal, newestOf(known)) >= 0;
}

/**
 * Whether SQL text can store the record. A device may write text that SQL cannot store; the projection quarantines such
 * an event.
 */
export function canBeStored({ key, value }: RemoteRecord): boolean {
  return isStorable(key) && isStorable(value ?? '');
}

/**
 * Returns a removal with the newest stored version of the dataset. It removes all stored records, but no later write.
 */
function removalOf(dataset: DatasetKey, known: KnownDataset): DatasetChange | null {
  if (isRemoved(known)) return null;
  const removal = newestOf(known);
  return { dataset, version: removal, removal, records: [] };
}

function newestOf({ version, records }: KnownDataset): Version {
  return records.reduce((last, record) => newest(last, record.version), version);
}

function isLive({ version, hasValue }: KnownRecord, { removal }: KnownDataset): boolean {
  return hasValue && (removal === null || compareVersions(version, removal) > 0);
}

function isNewerThan(known: KnownDataset | null): (record: RemoteRecord) => boolean {
  const versions = new Map(known?.records.map(({ key, version }) => [key, version]));
  return (record) => {
    const version = versions.get(record.key);
    return version === undefined || compareVersions(versionOf(record), version) > 0;
  };
}

/**
 * Builds a tombstone. The service does not report when the record was removed. With a guessed date, the tombstone could
 * be newer than a later write of the key. The tombstone therefore has the stored date and a higher count. It is newer
 * than the stored version, but older than any later write, which has a newer date.
 */
function tombstoneOf({ key, version }: KnownRecord, listed: RemoteDataset): StreamRecord {
  return {
    key,
    value: null,
    version: {
      lastModifiedDate: version.lastModifiedDate,
      syncCount: Math.max(listed.syncCount, version.syncCount + 1),
    },
    deviceLastModifiedDate: null,
  };
}

function toStreamRecord(record: RemoteRecord): StreamRecord {
  const { key, value, deviceLastModifiedDate } = record;
  return { key, value, version: versionOf(record), deviceLastModifiedDate };
}

function versionOf({ lastModifiedDate, syncCount }: RemoteRecord): Version {
  return { lastModifiedDate, syncCount };
}
