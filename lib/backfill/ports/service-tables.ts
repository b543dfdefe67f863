import type { IdentityKey } from '../../common/dataset-key.ts';

/** Numbers of rows of the self-hosted service that belong to an identity. */
export interface ServiceRows {
  identities: number;
  logins: number;
  devices: number;
  datasets: number;
  /** Includes tombstones. */
  records: number;
  pendingMerges: number;
  pendingDeletions: number;
  /** Events with records, and parked events. */
  unpublishedEvents: number;
  payloads: number;
  /** Conflicts that the bridge of a migration has decided, and keys whose state the bridge has stored. */
  conflicts: number;
  bridgedKeys: number;
  /** Datasets that the bridge of a migration still has to read or to delete at the origin. */
  unbridgedDatasets: number;
}

/** An identity in the tables of the service. */
export interface ServiceIdentity {
  /** The pool to which the identity belongs; null if the service's Cognito Identity does not know the identity. */
  identityPoolId: string | null;
  /** The identity into which this identity was merged; null if it was not merged. */
  mergedInto: string | null;
  /**
   * The ids of the identities that were ever merged into this one, sorted. Includes identities that were deleted in the
   * last 400 days.
   */
  merged: string[];
}

/**
 * The tables of the self-hosted service, if the service uses the same database as the query store. Otherwise, the tables
 * exist but are empty.
 */
export interface ServiceTables {
  /** Whether the pool's service uses this database. */
  isHere(identityPoolId: string): Promise<boolean>;
  /** Returns how the identity is stored. */
  describe(identity: IdentityKey): Promise<ServiceIdentity>;
  count(identity: IdentityKey): Promise<ServiceRows>;
  /**
   * Removes the identity and the identities that were merged into it, with their logins, as DeleteIdentities does. From
   * then on, no further identity can be merged into it. This also works while the service is stopped. Can be repeated.
   */
  removeIdentity(identity: IdentityKey): Promise<void>;
  /** Deletes the data of an identity that was removed or never existed in Cognito Identity. Can be repeated. */
  deleteData(identity: IdentityKey): Promise<void>;
  /** Counts the events of deleted datasets that wait to be published. They contain the identity's id, but no records. */
  countWaitingRemovals(identity: IdentityKey): Promise<number>;
  /**
   * Erases what no operation of the service deletes: unpublished events with records, parked events, the payloads of
   * events, and the identity's id in the saved progress of a bulk publish.
   * @param options `withRemovals`: also erases the events of deleted datasets that wait to be published
   */
  eraseUnpublished(identity: IdentityKey, options: { withRemovals: boolean }): Promise<void>;
}
