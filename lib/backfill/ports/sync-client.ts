/** The last bulk publish of a pool, as GetBulkPublishDetails reports it. Times are epoch milliseconds. */
export interface PublishDetails {
  status: 'NOT_STARTED' | 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  /** Null if the pool never had a bulk publish. */
  startedAt: number | null;
  /** Set if the bulk publish succeeded. */
  completedAt: number | null;
  /** Set if the bulk publish failed. */
  failureMessage: string | null;
}

/** The Cognito Streams settings of a pool. */
export interface PoolStreaming {
  isEnabled: boolean;
  /** A stream in the region and account of the pool. Null if the pool never streamed. */
  streamName: string | null;
  roleArn: string | null;
}

/** A record as ListRecords returns it. A tombstone has the value null. */
export interface RemoteRecord {
  key: string;
  value: string | null;
  syncCount: number;
  lastModifiedDate: number;
  deviceLastModifiedDate: number | null;
}

/** A whole dataset, from all pages of ListRecords. */
export interface RemoteDataset {
  exists: boolean;
  syncCount: number;
  records: RemoteRecord[];
}

/** The result of requesting a bulk publish. */
export type PublishStart = 'started' | 'in-progress' | 'published-less-than-a-day-ago';

export interface DatasetAddress {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
}

/**
 * The calls that the backfill makes to a Cognito Sync service, with developer credentials. The service is Amazon's or a
 * self-hosted service. Every method throws {SyncClientError}.
 */
export interface SyncClient {
  /** Returns the ids of all pools that ListIdentityPoolUsage lists. */
  listPools(): Promise<string[]>;
  readStreaming(identityPoolId: string): Promise<PoolStreaming>;
  readPublishDetails(identityPoolId: string): Promise<PublishDetails>;
  startPublish(identityPoolId: string): Promise<PublishStart>;
  /** Returns the names of an identity's datasets. */
  listDatasets(identityPoolId: string, identityId: string): Promise<string[]>;
  listRecords(dataset: DatasetAddress): Promise<RemoteDataset>;
}

/** Why the service did not respond with a result. `throttled` and `unavailable` are transient. */
export type SyncClientCondition =
  /** The pool does not exist. */
  | 'not-found'
  /** The caller lacks the permission. */
  | 'not-authorized'
  /** The credentials are expired, invalid or missing. */
  | 'credentials'
  | 'throttled'
  /** A write exceeds a limit of the service. A retry does not help. */
  | 'limit'
  /** The service cannot be reached, or failed. */
  | 'unavailable'
  /** The service rejects the request, for example a bulk publish of a pool without a stream. */
  | 'refused';

export class SyncClientError extends Error {
  override name = 'SyncApiError';
  readonly condition: SyncClientCondition;

  /** @param message the text of the service or the SDK, for the operator */
  constructor(condition: SyncClientCondition, message: string, options?: ErrorOptions) {
    super(message, options);
    this.condition = condition;
  }
}
