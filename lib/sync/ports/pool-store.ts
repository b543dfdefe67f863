/** An identity pool and its settings. */
export interface IdentityPool {
  identityPoolId: string;
  /** Increases with each change of the settings. */
  revision: number;
  /** ARN of the function that may rewrite updates; null if no function is set. */
  syncTrigger: string | null;
  /** Null if streaming was never configured. */
  streams: PoolStreams | null;
  /** Null if push was never configured. */
  pushSync: PoolPushSync | null;
}

export interface PoolStreams {
  status: 'ENABLED' | 'DISABLED';
  streamName: string | null;
  roleArn: string | null;
  /**
   * Why the service itself disabled streaming; null if an owner disabled streaming, or if streaming is not disabled.
   */
  disabledReason: string | null;
}

export interface PoolPushSync {
  applicationArns: readonly string[];
  roleArn: string | null;
}

/** The storage that a pool's existing datasets use. */
export interface PoolUsage {
  identityPoolId: string;
  /** UTF-8 bytes of the keys and values of live records. */
  dataStorage: number;
  /**
   * Epoch milliseconds of the last change of any dataset, deletions included; null if no dataset was ever changed.
   */
  lastModifiedDate: number | null;
}

export interface StoredIdentityUsage {
  datasetCount: number;
  dataStorage: number;
  lastModifiedDate: number | null;
}

/** The database operations on identity pools. */
export interface PoolStore {
  readPool(identityPoolId: string): Promise<IdentityPool | null>;
  /**
   * Creates a pool.
   * @returns 'there' if the pool already exists; 'being deleted' if data of a deleted pool with the same id is left. In
   *   both cases, nothing is written.
   */
  createPool(
    pool: Omit<IdentityPool, 'revision'>,
    createdAt: number,
  ): Promise<'made' | 'there' | 'being deleted'>;
  /**
   * Writes the settings of a pool and increments its revision. If the stream or the streaming status changes, a bulk
   * publish in progress fails.
   * @param pool the new settings; its `revision` is the revision from which the change was decided
   * @returns false if the pool has changed since that revision; then nothing is written
   */
  changePool(pool: IdentityPool): Promise<boolean>;
  /** Returns the ids of all pools, sorted. */
  listPoolIds(): Promise<string[]>;
  readPoolUsage(identityPoolId: string): Promise<PoolUsage | null>;
  /** Returns the usage of pools, sorted by id, after the id `after`. */
  listPoolUsages(options: { after: string; limit: number | null }): Promise<PoolUsage[]>;
  readIdentityUsage(identity: { identityPoolId: string; identityId: string }): Promise<StoredIdentityUsage>;
}
