import type { DatasetKey } from '../common/dataset-key.ts';
import { isStorable } from '../common/text.ts';
import type { DatasetChange } from '../projection/fold-events.ts';
import { compareVersions, newest } from '../projection/version.ts';
import type { StreamRecord, Version } from '../stream/stream-event.ts';
import type { KnownDataset, KnownRecord } from './reconcile-store.ts';
import type { RemoteDataset, RemoteRecord } from './sync-client.ts';

/**
 * What has to be written so that the query store holds of a dataset what the service has listed. It goes through the
 * version order like any event: what was written to the store since it was read is newer, and stays.
 *
 * @param known as it was before the listing; null where the store does not know the dataset
 * @returns null where nothing differs
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
  // Of a dataset without any record ListRecords does not tell the date, and so no version.
  return version === null ? null : { dataset, version, removal: null, records };
}

/**
 * The live records of the store that the service does not list, not even as tombstones: the dataset was deleted and made
 * anew since. Of a dataset that does not exist there are none: it is removed as a whole.
 */
export function findUnlisted(known: KnownDataset | null, listed: RemoteDataset): KnownRecord[] {
  if (known === null || !listed.exists) return [];
  const keys = new Set(listed.records.map(({ key }) => key));
  return known.records.filter((record) => isLive(record, known) && !keys.has(record.key));
}

/** True where nothing of the dataset is to be seen in the store but that it is removed. */
export function isRemoved(known: KnownDataset): boolean {
  return known.removal !== null && compareVersions(known.removal, newestOf(known)) >= 0;
}

/** SQL text cannot hold everything that a device may write; such an event goes to quarantine. */
export function canBeStored({ key, value }: RemoteRecord): boolean {
  return isStorable(key) && isStorable(value ?? '');
}

/** At the newest version that is stored: it covers all of that, and nothing that is written later. */
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
 * The service does not tell when the record went. Its stored date with a higher count is just above what is stored, and
 * below whatever is written under that key later, which has a newer date: a guess of the date could cover such a write.
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
