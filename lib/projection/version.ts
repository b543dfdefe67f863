import type { Version } from '../stream/stream-event.ts';

/**
 * The version order: by `lastModifiedDate`, then by `syncCount`; newer wins. The date comes first because it
 * survives a count that starts again when a dataset is removed and created anew.
 *
 * @returns a number below, at or above 0 as `a` is older than, equal to or newer than `b`
 */
export function compareVersions(a: Version, b: Version): number {
  return a.lastModifiedDate - b.lastModifiedDate || a.syncCount - b.syncCount;
}

/** The newer of the two; the first where they are equal or the second is absent. */
export function newest<V extends Version | null>(a: V, b: Version | null): V | Version {
  if (b === null) return a;
  return a === null || compareVersions(b, a) > 0 ? b : a;
}
