import { hash } from 'node:crypto';

/** A row of a dataset. A value of null is a tombstone. Dates are epoch milliseconds. */
export interface BridgedRow {
  syncCount: number;
  value: string | null;
  /** Null if the device sent no date. */
  deviceMs: number | null;
  /** When the service of this side received the row. */
  modifiedMs: number;
}

/** A complete dataset on one side. A deleted dataset has no rows. */
export interface Side {
  exists: boolean;
  syncCount: number;
  rows: ReadonlyMap<string, BridgedRow>;
}

/** By how much a dataset's count here is raised above that of the origin. In practice, no dataset has so many writes. */
export const JUMP = 1_048_576;

/**
 * The counts that a dataset had here and at the origin when both sides last agreed. A row has changed since then only
 * if its count is above the agreed count of its side. `there` is 0 if the dataset did not exist at the origin.
 */
export interface Agreed {
  here: number;
  there: number;
}

/** What a pass of the bridge saves about a key, if the agreed counts of the dataset do not apply to the key. */
export interface Pending {
  /** Hash of the value to write at the origin; null for a removal. */
  valueHash: string | null;
  /** The row here has not changed since the pass if the row's count is at most this count. */
  hereCount: number;
  /** The dataset's count at the origin before the pass wrote the key there. */
  afterThere: number;
  /** The origin's count up to which both sides agree on the key; null while the key must still be written there. */
  thereCount: number | null;
}

/** Both sides of a dataset, and what earlier passes saved about it. */
export interface BothSides {
  here: Side & {
    /** The count of the last deletion; 0 if the dataset was never deleted. */
    deletedSyncCount: number;
  };
  there: Side;
  agreed: Agreed;
  pending: ReadonlyMap<string, Pending>;
  /** Whether the dataset was deleted at the origin since both sides agreed. It may exist there again. */
  isDeletedThere: boolean;
  /** Whether the identity was merged into another one here. At the origin, clients can still use it. */
  isMerged: boolean;
  /** Whether the identity has no login at the origin. A merge there takes all its logins away, and deletes its datasets. */
  isMergedThere: boolean;
}

/** Hashes a value, so that a `Pending` does not contain the value. */
export function hashOf(value: string | null): string | null {
  return value === null ? null : hash('sha256', value, 'hex').slice(0, 32);
}

/** Returns whether a row at the origin, or an event about it, is what an earlier pass wrote there. */
export function isWritten(
  { valueHash, afterThere }: Pending,
  { syncCount, value }: Pick<BridgedRow, 'syncCount' | 'value'>,
): boolean {
  return syncCount > afterThere && hashOf(value) === valueHash;
}
