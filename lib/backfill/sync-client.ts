/** What GetBulkPublishDetails says of the last bulk publish of a pool. Times are epoch milliseconds. */
export interface PublishDetails {
  status: 'NOT_STARTED' | 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  /** Null where there was none. */
  startedAt: number | null;
  /** Of one that succeeded. */
  completedAt: number | null;
  /** Of one that failed. */
  failureMessage: string | null;
}

/** Where a pool streams to. */
export interface PoolStreaming {
  isEnabled: boolean;
  /** Null where it never streamed. In the region and account of the pool. */
  streamName: string | null;
  roleArn: string | null;
}

/** A record as ListRecords answers it; a value of null is a tombstone. */
export interface RemoteRecord {
  key: string;
  value: string | null;
  syncCount: number;
  lastModifiedDate: number;
  deviceLastModifiedDate: number | null;
}

/** All of a dataset, of all pages. */
export interface RemoteDataset {
  exists: boolean;
  syncCount: number;
  records: RemoteRecord[];
}

/** What came of asking for a bulk publish. */
export type PublishStart = 'started' | 'in-progress' | 'published-less-than-a-day-ago';

export interface DatasetAddress {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
}

/**
 * What the backfill asks a Cognito Sync service for, with developer credentials; Amazon's, or one that is self-hosted.
 * Every method throws {SyncApiError}.
 */
export interface SyncClient {
  /** The ids of all pools that ListIdentityPoolUsage knows. */
  listPools(): Promise<string[]>;
  readStreaming(identityPoolId: string): Promise<PoolStreaming>;
  readPublishDetails(identityPoolId: string): Promise<PublishDetails>;
  startPublish(identityPoolId: string): Promise<PublishStart>;
  /** The names of the datasets of an identity. */
  listDatasets(identityPoolId: string, identityId: string): Promise<string[]>;
  listRecords(dataset: DatasetAddress): Promise<RemoteDataset>;
}

/** Why the service did not answer. Which of them may pass by itself: throttled, unavailable. */
export type SyncClientCondition =
  /** There is no such pool. */
  | 'not-found'
  /** No permission. */
  | 'not-authorized'
  /** The credentials are expired, wrong, or none. */
  | 'credentials'
  | 'throttled'
  /** It cannot be reached, or failed itself. */
  | 'unavailable'
  /** It refuses what was asked, such as a bulk publish of a pool that does not stream. */
  | 'refused';

export class SyncClientError extends Error {
  override name = 'SyncApiError';
  readonly condition: SyncClientCondition;

  /** @param message what the service or the SDK said, for the operator */
  constructor(condition: SyncClientCondition, message: string, options?: ErrorOptions) {
    super(message, options);
    this.condition = condition;
  }
}
