/** One identity of a pool. */
export interface IdentityAddress {
  identityPoolId: string;
  identityId: string;
}

/** A quarantined delivery that may belong to any identity of the pool. */
export interface QuarantinedData {
  quarantineId: string;
  data: Uint8Array;
}

/** The query store operations that erasing an identity needs. Every call can be repeated. */
export interface ForgetStore {
  /** Erases an identity's datasets and records, including removed datasets and tombstones. */
  eraseDatasets(identity: IdentityAddress): Promise<{ datasets: number; records: number }>;
  /**
   * Reads a page of quarantined deliveries that belong to the pool or whose pool is unknown. Includes the deliveries
   * that `redrive` has processed.
   * @param after the last id of the previous page; null for the first page
   */
  readQuarantinedOf(identityPoolId: string, after: string | null, limit: number): Promise<QuarantinedData[]>;
  /**
   * Erases a quarantined delivery. If the delivery is a removal without a version, also erases its assigned version.
   */
  eraseQuarantined(quarantineId: string): Promise<{ quarantined: number; datedRemovals: number }>;
  /**
   * Erases the offloaded records of an event, if the self-hosted service keeps these records in the database of the
   * query store.
   */
  erasePayload(payloadId: string): Promise<number>;
  /** Whether the query store has any data of the pool, for example datasets, quarantined events or gaps. */
  knowsPool(identityPoolId: string): Promise<boolean>;
}
