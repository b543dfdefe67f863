import type { DatasetKey } from '../../lib/common/dataset-key.ts';

interface Versioned {
  lastModifiedDate: number;
  syncCount: number;
}

export interface Write extends Versioned {
  key: string;
  /** Null if the write removes the record. */
  value: string | null;
}

/** The parts of an event that matter to the version order. */
export interface PlainEvent extends Versioned {
  dataset: DatasetKey;
  /** Null if the event removes the dataset. */
  writes: Write[] | null;
}

/** The state of a dataset: the newest versions of the dataset, of its removal and of each key. */
export interface DatasetState {
  version: Versioned;
  removal: Versioned | null;
  records: Record<string, Versioned & { value: string | null }>;
}

/** The visible datasets by `pool/identity/dataset`, and the visible records by `pool/identity/dataset/key`. */
export interface VisibleRows {
  datasets: Record<string, Versioned & { deleted: boolean; recordCount: number }>;
  records: Record<string, Versioned & { value: string; numericValue: string | null }>;
}

/**
 * Implements the version order of docs/adr/0002-version-order.md as simply as possible, without code of `lib`. The
 * dataset, its removal and each key get the newest version that any event contains.
 */
export function referenceFold(events: readonly PlainEvent[]): Record<string, DatasetState> {
  const byName = Map.groupBy(events, ({ dataset }) => nameOf(dataset));
  return Object.fromEntries([...byName].map(([name, ofName]) => [name, foldDataset(ofName)]));
}

function foldDataset(events: readonly PlainEvent[]): DatasetState {
  const removals = events.filter(({ writes }) => writes === null);
  const writes = events.flatMap((event) => event.writes ?? []);
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

/** Applies the removals of datasets: only datasets and records that are newer than the removal are visible. */
export function visibleRows(states: Readonly<Record<string, DatasetState>>): VisibleRows {
  const rows: VisibleRows = { datasets: {}, records: {} };
  for (const [name, { version, removal, records }] of Object.entries(states)) {
    const isLive = (one: Versioned) => removal === null || isNewer(one, removal);
    let recordCount = 0;
    for (const [key, { value, ...recordVersion }] of Object.entries(records)) {
      if (value === null || !isLive(recordVersion)) continue;
      rows.records[`${name}/${key}`] = { ...recordVersion, value, numericValue: numberIn(value) };
      recordCount += 1;
    }
    rows.datasets[name] = { ...version, deleted: !isLive(version), recordCount };
  }
  return rows;
}

/** Erases the values of records that are not newer than the removal of their dataset. */
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

/** Returns the number in a value. Supports only values that the generators produce. */
function numberIn(value: string): string | null {
  return /^-?\d+\.\d+$/.test(value) ? value : null;
}

export function nameOf({ identityPoolId, identityId, datasetName }: DatasetKey): string {
  return `${identityPoolId}/${identityId}/${datasetName}`;
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
