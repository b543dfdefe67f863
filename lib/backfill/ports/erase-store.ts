import type { IdentityKey } from '../../common/dataset-key.ts';

/** A quarantined delivery that may belong to any identity of the pool. */
export interface QuarantinedData {
  quarantineId: string;
  data: Uint8Array;
}

/** The query store operations that erasing an identity needs. Every call can be repeated. */
export interface EraseStore {
  /**
   * Makes the query store ignore all events of the identities from now on.
   * @param erasedAt epoch milliseconds. Replaces a stored time only if `isNewer` is true
   */
  markErased(
    identities: readonly IdentityKey[],
    erasedAt: number,
    options: { isNewer: boolean },
  ): Promise<void>;
  /** Returns the time of the last erasure, in epoch milliseconds; null if the identity was not erased. */
  readErasedAt(identity: IdentityKey): Promise<number | null>;
  /** Counts an identity's datasets and records, including removed datasets and tombstones. */
  countDatasets(identity: IdentityKey): Promise<{ datasets: number; records: number }>;
  /**
   * Erases an identity's datasets and records, including removed datasets and tombstones. Also removes the identity's id
   * from the saved progress of a reconciliation.
   */
  eraseDatasets(identity: IdentityKey): Promise<void>;
  /**
   * Reads a page of quarantined deliveries that belong to the pool or whose pool is unknown. Includes the deliveries
   * that `redrive` has processed.
   * @param after the last id of the previous page; null for the first page
   */
  readQuarantinedOf(identityPoolId: string, after: string | null, limit: number): Promise<QuarantinedData[]>;
  /**
   * Erases a quarantined delivery. If the delivery is a removal without a version, also erases its assigned version.
   */
  eraseQuarantined(quarantineId: string): Promise<void>;
  /** Whether the query store has any data of the pool: projected events, or the pool's streaming settings. */
  knowsPool(identityPoolId: string): Promise<boolean>;
}
