import type { DatasetKey } from '../../lib/common/dataset-key.ts';

interface Versioned {
  lastModifiedDate: number;
  syncCount: number;
}

export interface Write extends Versioned {
  key: string;
  /** Null: the record is removed. */
  value: string | null;
}

/** An event as far as the order of versions goes. */
export interface PlainEvent extends Versioned {
  dataset: DatasetKey;
  /** Null: the dataset is removed. */
  writes: Write[] | null;
}

/** What is known of one dataset: of it, of its removal and of each of its keys the newest version. */
export interface DatasetState {
  version: Versioned;
  removal: Versioned | null;
  records: Record<string, Versioned & { value: string | null }>;
}

/** What is to be seen of datasets and records, by `pool/identity/dataset` and `pool/identity/dataset/key`. */
export interface VisibleRows {
  datasets: Record<string, Versioned & { deleted: boolean; recordCount: number }>;
  records: Record<string, Versioned & { value: string; numericValue: string | null }>;
}

/**
 * The version order as DESIGN.md section 5 tells it, with no thought of speed and nothing taken from `lib`: each part is
 * the newest of all that was ever said of it.
 */
export function referenceFold(events: readonly PlainEvent[]): Record<string, DatasetState> {
  const byName = Map.groupBy(events, ({ dataset }) => nameOf(dataset));
  return Object.fromEntries([...byName].map(([name, ofName]) => [name, foldDataset(ofName)]));
}

function foldDataset(events: readonly PlainEvent[]): DatasetState {
  const removals = events.filter(({ writes }) => writes === null);
  const writes = events.flatMap((event) => lastOfEachKey(event.writes ?? []));
  const records = [...Map.groupBy(writes, ({ key }) => key)].map(([key, ofKey]) => {
    const { value, ...rest } = newestOf(ofKey);
    return [key, { ...versionOf(rest), value }];
  });
  return {
    version: versionOf(newestOf([...events, ...writes])),
    removal: removals.length > 0 ? versionOf(newestOf(removals)) : null,
    records: Object.fromEntries(records),
  };
}

/** A removal beats at or below: what is not newer than it is not there. */
export function visibleRows(states: Readonly<Record<string, DatasetState>>): VisibleRows {
  const rows: VisibleRows = { datasets: {}, records: {} };
  for (const [name, { version, removal, records }] of Object.entries(states)) {
    const isThere = (one: Versioned) => removal === null || isNewer(one, removal);
    let recordCount = 0;
    for (const [key, { value, ...recordVersion }] of Object.entries(records)) {
      if (value === null || !isThere(recordVersion)) continue;
      rows.records[`${name}/${key}`] = { ...recordVersion, value, numericValue: numberIn(value) };
      recordCount += 1;
    }
    rows.datasets[name] = { ...version, deleted: !isThere(version), recordCount };
  }
  return rows;
}

/** Values that a removal covers are not kept. */
export function withoutCovered(states: Readonly<Record<string, DatasetState>>): Record<string, DatasetState> {
  const erase = ({ version, removal, records }: DatasetState): DatasetState => ({
    version,
    removal,
    records: Object.fromEntries(
      Object.entries(records).map(([key, record]) => [
        key,
        removal === null || isNewer(record, removal) ? record : { ...record, value: null },
      ]),
    ),
  });
  return Object.fromEntries(Object.entries(states).map(([name, state]) => [name, erase(state)]));
}

/** Enough for the values that the generators make. */
function numberIn(value: string): string | null {
  return /^-?\d+\.\d+$/.test(value) ? value : null;
}

export function nameOf({ identityPoolId, identityId, datasetName }: DatasetKey): string {
  return `${identityPoolId}/${identityId}/${datasetName}`;
}

function lastOfEachKey(writes: readonly Write[]): Write[] {
  return writes.filter(({ key }, index) => !writes.slice(index + 1).some((later) => later.key === key));
}

function newestOf<Thing extends Versioned>(things: readonly Thing[]): Thing {
  return things.reduce((newest, thing) => (isNewer(thing, newest) ? thing : newest));
}

function isNewer(one: Versioned, other: Versioned): boolean {
  if (one.lastModifiedDate !== other.lastModifiedDate) return one.lastModifiedDate > other.lastModifiedDate;
  return one.syncCount > other.syncCount;
}

function versionOf({ lastModifiedDate, syncCount }: Versioned): Versioned {
  return { lastModifiedDate, syncCount };
}
