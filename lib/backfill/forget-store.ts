/** One person, as far as a pool knows them. */
export interface IdentityAddress {
  identityPoolId: string;
  identityId: string;
}

/** A delivery in quarantine that may be anybody's of the pool. */
export interface QuarantinedData {
  quarantineId: string;
  data: Uint8Array;
}

/** What erasing needs of a query store. Every call may be repeated. */
export interface ForgetStore {
  /** Erases an identity's datasets with their records, removed ones and tombstones included. */
  eraseDatasets(identity: IdentityAddress): Promise<{ datasets: number; records: number }>;
  /**
   * What lies in quarantine of the pool, or of none that is known, redriven or not.
   * @param after the last id of the page before; null for the first page
   */
  readQuarantinedOf(identityPoolId: string, after: string | null, limit: number): Promise<QuarantinedData[]>;
  /** Erases a quarantined delivery, and the version that was given to it if it was a removal without one. */
  eraseQuarantined(quarantineId: string): Promise<{ quarantined: number; datedRemovals: number }>;
  /** Erases the offloaded records of an event, where the self-hosted service keeps them in the same database. */
  erasePayload(payloadId: string): Promise<number>;
  /** Whether anything was ever kept of the pool: what was projected, or what was seen of its streaming. */
  knowsPool(identityPoolId: string): Promise<boolean>;
}
