import type { IdentityKey } from '../../common/dataset-key.ts';
import type { ServiceRows } from '../ports/service-tables.ts';
import type { SyncClientError } from '../ports/sync-client.ts';

/** What is known of the pool and its service. */
export interface EraseOptions extends IdentityKey {
  /** Whether the service responded that the pool does not exist. */
  isPoolMissing: boolean;
  /** Whether the service is Amazon's, whose tables are not accessible. */
  isAmazons: boolean;
  /** Retention period of the pool's stream; null if the pool never streamed. */
  retentionMs: number | null;
  /** Counts what would be erased, and erases nothing. */
  isDryRun: boolean;
}

/** Numbers of rows of the query store. */
export interface QueryRows {
  datasets: number;
  /** Includes tombstones. */
  records: number;
  quarantined: number;
}

/** Numbers of what is stored of an identity and of the identities that were merged into it. */
export interface StoredOfIdentity {
  queryStore: QueryRows;
  /** Null if the service's tables are not in this database. */
  tables: ServiceRows | null;
  /** Datasets that the service lists. Null if the service was not called. */
  datasetsAtService: number | null;
}

/**
 * The result of erasing an identity. Contains ids and counts, but no data that the person stored. Times are epoch
 * milliseconds.
 */
export interface ErasureReceipt extends IdentityKey {
  /** Ids of the identities that were merged into the identity, as far as this database knows them. */
  mergedIdentities: string[];
  isDryRun: boolean;
  found: StoredOfIdentity;
  /** What is still stored after the erasure. Equal to `found` for a dry run. */
  left: StoredOfIdentity;
  /** The last time at which data of the identity was erased. Null for a dry run. */
  erasedAt: number | null;
  /** Empty if the erasure is complete, and for a dry run. */
  remains: Remaining[];
}

/** What an erasure could not erase. Times are epoch milliseconds. */
export type Remaining =
  /** The service was not called, or a call failed. */
  | { kind: 'service'; error: SyncClientError | null }
  | { kind: 'datasets-at-service'; datasets: number }
  | { kind: 'service-rows'; rows: number }
  | { kind: 'query-store-rows'; rows: number }
  /** Events of deleted datasets that wait to be published. */
  | { kind: 'waiting-removals'; events: number }
  /** Events that the stream keeps until its retention period ends. The query store ignores them. */
  | { kind: 'stream'; until: number }
  /** The service's tables are in another database, which may hold unpublished events and payloads. */
  | { kind: 'other-database'; until: number };

/** Whether nothing of the identity was stored. */
export function isNothing({ queryStore, tables, datasetsAtService }: StoredOfIdentity): boolean {
  const numbers = [...Object.values(queryStore), ...Object.values(tables ?? {}), datasetsAtService ?? 0];
  return numbers.every((rows) => rows === 0);
}
