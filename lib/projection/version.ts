import type { Version } from '../stream/stream-event.ts';

/**
 * Compares two versions in the version order: by `lastModifiedDate`, then by `syncCount`. The newer version wins. The
 * date comes first, because the date stays correct even if counts restart when a dataset is removed and created again.
 *
 * @returns a number below, equal to or above 0 if `a` is older than, equal to or newer than `b`
 */
export function compareVersions(a: Version, b: Version): number {
  return a.lastModifiedDate - b.lastModifiedDate || a.syncCount - b.syncCount;
}

/** Returns the newer version; the first version if the versions are equal or the second is null. */
export function newest<V extends Version | null>(a: V, b: Version | null): V | Version {
  if (b === null) return a;
  return a === null || compareVersions(b, a) > 0 ? b : a;
}
