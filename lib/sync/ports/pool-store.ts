/** An identity pool and what is set for it. */
export interface IdentityPool {
  identityPoolId: string;
  /** Rises with each change of what is set. */
  revision: number;
  /** ARN of the function that may rewrite updates; null where there is none. */
  syncTrigger: string | null;
  /** Null where it was never set up. */
  streams: PoolStreams | null;
  /** Null where it was never set up. */
  pushSync: PoolPushSync | null;
}

export interface PoolStreams {
  status: 'ENABLED' | 'DISABLED';
  streamName: string | null;
  roleArn: string | null;
  /** Why the service itself disabled it; null where an owner did, or nobody. */
  disabledReason: string | null;
}

export interface PoolPushSync {
  applicationArns: readonly string[];
  roleArn: string | null;
}

/** What is stored in a pool; of datasets that exist. */
export interface PoolUsage {
  identityPoolId: string;
  /** UTF-8 bytes of the keys and values of live records. */
  dataStorage: number;
  /** Epoch milliseconds of the last change of a dataset, of a deletion, too; null where there never was one. */
  lastModifiedDate: number | null;
}

export interface StoredIdentityUsage {
  datasetCount: number;
  dataStorage: number;
  lastModifiedDate: number | null;
}

/** What the operations on identity pools need of a database. */
export interface PoolStore {
  readPool(identityPoolId: string): Promise<IdentityPool | null>;
  /** Makes a pool, unless it is there, or something is left of one that had its id and is deleted. */
  createPool(
    pool: Omit<IdentityPool, 'revision'>,
    createdAt: number,
  ): Promise<'made' | 'there' | 'being deleted'>;
  /**
   * Writes what is set for a pool, with the next revision. A bulk publish under way fails where its stream or status is
   * another one then.
   * @param pool with the revision on which the change was decided
   * @returns false where it was changed since, and nothing was written
   */
  changePool(pool: IdentityPool): Promise<boolean>;
  readPoolUsage(identityPoolId: string): Promise<PoolUsage | null>;
  /** Pools by id, from after the id `after`. */
  listPoolUsages(options: { after: string; limit: number | null }): Promise<PoolUsage[]>;
  readIdentityUsage(identity: { identityPoolId: string; identityId: string }): Promise<StoredIdentityUsage>;
}
