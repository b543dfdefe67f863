import type { DatasetKey } from '../../common/dataset-key.ts';
import type {
  PageRequest,
  ProjectedShard,
  QuarantinedEvent,
  QueriedBulkPublish,
  QueriedDataset,
  QueriedGap,
  QueriedIdentity,
  QueriedRecord,
  QueryPage,
  RecordChange,
  StoreCounts,
} from '../model.ts';

/** Which records with one key are listed, and in which order. */
export type KeyOrder =
  /** By `numericValue`; records whose value is not a number are left out. The bounds are numbers as text. */
  | { by: 'number'; descending: boolean; min: string | null; max: string | null }
  /** By the first 64 characters of the value, or only the records with exactly this value. */
  | { by: 'text'; descending: boolean; equals: string | null };

/** Filters. Null means any pool or any dataset. */
export interface KeyFilter {
  identityPoolId: string | null;
  datasetName: string | null;
}

/**
 * Reads the query store. The cost of each method is bounded by the limit of the page. Each method that reads a page
 * throws {QueryError} `invalid-cursor` if the position does not belong to its list.
 */
export interface QueryReader {
  /** The ids of the pools that have data, in order. */
  pools(page: PageRequest): Promise<QueryPage<{ identityPoolId: string }>>;
  /** The identities of a pool that have a dataset or that this service created, in the order of their ids. */
  identities(identityPoolId: string, page: PageRequest): Promise<QueryPage<QueriedIdentity>>;
  /** The datasets of an identity, in the order of their names. */
  datasets(
    identity: Pick<DatasetKey, 'identityPoolId' | 'identityId'>,
    page: PageRequest,
  ): Promise<QueryPage<QueriedDataset>>;
  /** The live records of a dataset, in an order that is always the same, but not alphabetical. */
  records(dataset: DatasetKey, page: PageRequest): Promise<QueryPage<QueriedRecord>>;
  /**
   * The live records with one key, across all identities.
   * @throws {QueryError} `missing-index`: the optional index for this order does not exist
   */
  recordsOf(
    key: string,
    order: KeyOrder,
    filter: KeyFilter,
    page: PageRequest,
  ): Promise<QueryPage<QueriedRecord>>;
  /**
   * The changes of all records, oldest first. Of several changes of a record, the feed contains only the newest. `next`
   * is never null: a later call with it returns the changes since then. The feed ends before the start of the oldest
   * transaction that may still write, so that no change is skipped.
   *
   * @param since where the feed starts if `page.after` is null; null for the beginning
   * @throws {QueryError} `missing-index`: the optional index of the feed does not exist; `clock-set-back`: changes after
   *   `page.after` can be missing, because the clock of the database server was set back; `unsupported-server`: the database server cannot tell
   *   which changes are complete
   */
  changes(since: Date | null, page: PageRequest): Promise<QueryPage<RecordChange>>;
  /** Events in quarantine, newest first. @param filter `isWaiting`: only those neither projected nor dismissed */
  quarantine(page: PageRequest, filter?: { isWaiting?: boolean }): Promise<QueryPage<QuarantinedEvent>>;
  /** Bulk publishes, ordered by pool and start. */
  bulkPublishes(page: PageRequest): Promise<QueryPage<QueriedBulkPublish>>;
  /** Gaps (periods whose removals may be missing), ordered by pool and start. */
  gaps(page: PageRequest): Promise<QueryPage<QueriedGap>>;
  /**
   * How much the query store contains. Long lists are estimated, so that the cost is bounded.
   * @throws {QueryError} `too-slow`
   */
  counts(): Promise<StoreCounts>;
  /** How far each shard of the streams is projected. */
  progress(page: PageRequest): Promise<QueryPage<ProjectedShard>>;
}

/**
 * A query that cannot be answered: `invalid-cursor` if a cursor was changed or belongs to another query,
 * `missing-index` if an operator must add an index first, `clock-set-back` if the caller must read changes again,
 * `unsupported-server` if the operator must use another database server, `too-slow` if the database is too slow at the moment. The message says what to do.
 */
export class QueryError extends Error {
  override name = 'QueryError';
  readonly reason: 'invalid-cursor' | 'missing-index' | 'clock-set-back' | 'unsupported-server' | 'too-slow';

  constructor(reason: QueryError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Returns the error for a cursor, or for the position in it, that does not belong to the query. */
export const invalidCursor = () =>
  new QueryError('invalid-cursor', 'the cursor is invalid for this query; start again without a cursor');
