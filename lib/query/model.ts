/** One page of a list, in an order that does not change. */
export interface QueryPage<Item> {
  /** Can be shorter than the requested limit, even empty, although more pages follow. */
  items: Item[];
  /** Where the next page starts; null after the last page. */
  next: Position | null;
}

/** The values of the columns by which a list is ordered, in the last row that a page has read. */
export type Position = readonly string[];

export interface PageRequest {
  /** Maximum number of items. */
  limit: number;
  /** The `next` of the previous page; null for the first page. */
  after: Position | null;
}

/** A live record. The members have the meaning of the columns of the view `query.records`. */
export interface QueriedRecord {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
  recordKey: string;
  recordValue: string;
  /** As text, because the number can have more digits than a JavaScript number. */
  numericValue: string | null;
  syncCount: number;
  lastModifiedDate: Date;
  deviceLastModifiedDate: Date | null;
  projectedAt: Date;
}

/** A change of a record. If the record was removed, its value is null. */
export type RecordChange = Omit<QueriedRecord, 'recordValue'> & { recordValue: string | null };

/** A dataset of the query store. */
export interface QueriedDataset {
  identityPoolId: string;
  identityId: string;
  datasetName: string;
  syncCount: number;
  lastModifiedDate: Date;
  /** Whether the dataset was removed after its last change. */
  isDeleted: boolean;
  projectedAt: Date;
}

export interface QueriedIdentity {
  identityPoolId: string;
  identityId: string;
  /**
   * The names of the login providers. Null if this service does not know the identity, for example one of Amazon
   * Cognito.
   */
  providers: string[] | null;
}

/** An event that could not be projected, without its payload. */
export interface QuarantinedEvent {
  quarantineId: string;
  reason: string;
  identityPoolId: string | null;
  streamName: string;
  shardId: string;
  sequenceNumber: string;
  arrivedAt: Date;
  quarantinedAt: Date;
  /** When the event was projected or dismissed; null if it still waits. */
  redrivenAt: Date | null;
  /**
   * True if the event was dismissed, false if it was projected. Null if it still waits, or if it was projected or
   * dismissed before the query store kept the outcome.
   */
  isDismissed: boolean | null;
}

export interface QueriedBulkPublish {
  identityPoolId: string;
  startedAt: Date;
  completedAt: Date | null;
  status: string;
  failureMessage: string | null;
  projectedAt: Date | null;
  completeness: string;
  waitingFor: string | null;
  checkedAt: Date;
}

/** A period whose removals of records may be missing in the query store. */
export interface QueriedGap {
  identityPoolId: string;
  since: Date;
  until: Date | null;
  cause: string;
  mendedAt: Date | null;
}

/** How far a shard of the stream is projected. */
export interface ProjectedShard {
  streamName: string;
  shardId: string;
  sequenceNumber: string | null;
  arrivedAt: Date | null;
  projectedAt: Date;
}

export interface Count {
  count: number;
  /** Whether the list is too long to be counted exactly. */
  isEstimate: boolean;
}

/** How much the query store contains. */
export interface StoreCounts {
  pools: Count;
  /** Identities that have or had a dataset. */
  identities: Count;
  /** Datasets that exist. */
  datasets: Count;
  /** Live records. */
  records: Count;
  /** Events in quarantine that were neither projected nor dismissed. */
  quarantined: Count;
  /** Periods whose removals of records may be missing in the query store. */
  gaps: Count;
  /** Time from the arrival of a shard's last event to its projection: the maximum of all shards. Null if unknown. */
  lagMs: number | null;
  /** When the last event was projected; null if none was. */
  projectedAt: Date | null;
}
