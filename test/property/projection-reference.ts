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

/** The parts of an event that matter to the version order. */
export interface PlainEvent extends Versioned {
  dataset: DatasetKey;
  /** Null: the dataset is removed. */
  writes: Write[] | null;
}

/** The state of a dataset: the newest version of the dataset, of its removal and of each key. */
export interface DatasetState {
  version: Versioned;
  removal: Versioned | null;
  records: Record<string, Versioned & { value: string | null }>;
}

/** The visible datasets and records, by `pool/identity/dataset` and `pool/identity/dataset/key`. */
export interface VisibleRows {
  datasets: Record<string, Versioned & { deleted: boolean; recordCount: number }>;
  records: Record<string, Versioned & { value: string; numericValue: string | null }>;
}

/**
 * Implements the version order of docs/adr/0002-version-order.md as simply as possible and without code of `lib`. Each
 * part has its newest version in any event.
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

/** Applies removals: only what is newer than the removal is visible. */
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

/** Erases the values that a removal covers. */
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

/** Supports only the values that the generators produce. */
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
