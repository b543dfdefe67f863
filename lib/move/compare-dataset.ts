import type { StoredRows } from './ports/move-store.ts';
import type { OriginListing } from './ports/origin.ts';

/** How a dataset differs from the origin. `counts`: the live values are equal, but the sync counts differ. */
export type DatasetDifference =
  | { kind: 'not-here' | 'not-at-origin' | 'counts' }
  /** `records`: the number of keys whose live values differ. */
  | { kind: 'values'; records: number };

/**
 * Compares a dataset here with the same dataset at the origin.
 * @param withCounts whether the sync counts must be equal too. Under a bridge, each side has its own counts
 * @returns null if nothing differs
 */
export function compareDataset(
  here: StoredRows,
  origin: Pick<OriginListing, 'exists' | 'syncCount' | 'records'>,
  withCounts: boolean,
): DatasetDifference | null {
  const live = { here: liveOf(here.rows), there: liveOf(origin.records) };
  if (here.exists !== origin.exists) {
    // The bridge writes live values. It does not create a dataset for tombstones, so such a dataset may exist on one
    // side only.
    if (!withCounts && live.here.size === 0 && live.there.size === 0) return null;
    return { kind: here.exists ? 'not-at-origin' : 'not-here' };
  }
  if (!here.exists) return null;
  const records = countDifferent(live.here, live.there);
  if (records > 0) return { kind: 'values', records };
  if (!withCounts) return null;
  const counts = new Map(here.rows.map(({ key, syncCount }) => [key, syncCount]));
  const isEqual =
    here.syncCount === origin.syncCount &&
    counts.size === origin.records.length &&
    origin.records.every(({ key, version }) => counts.get(key) === version.syncCount);
  return isEqual ? null : { kind: 'counts' };
}

function liveOf(rows: readonly { key: string; value: string | null }[]): Map<string, string> {
  return new Map(rows.flatMap(({ key, value }) => (value === null ? [] : [[key, value]])));
}

function countDifferent(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): number {
  const keys = new Set([...a.keys(), ...b.keys()]);
  return [...keys].filter((key) => a.get(key) !== b.get(key)).length;
}
