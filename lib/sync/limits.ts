import { MAX_DATASET_RECORDS } from '../common/bounds.ts';
import { DEFAULT_SYNC_LIMITS, type SyncLimits } from '../common/read-sync-limits.ts';

/** The limits of the service. The first three limits have the values that Amazon documents. */
export interface Limits extends SyncLimits {
  /** Maximum datasets of one identity. */
  datasetsPerIdentity: number;
  /** Maximum live records of one dataset; tombstones do not count. */
  recordsPerDataset: number;
  /** Maximum UTF-8 bytes of the keys and values of a dataset's live records. */
  datasetBytes: number;
  /**
   * Maximum patches of one call. Together with the other rows of the transaction, the patches must stay below Aurora
   * DSQL's limit of 3,000 rows.
   */
  patchesPerCall: number;
  /** Maximum UTF-8 bytes of a stream event. A larger event holds a URL in place of its records. */
  inlineBytes: number;
}

/** Default of `inlineBytes`. It is below 1 MiB, which a Kinesis record must not exceed, including its partition key. */
const INLINE_LIMIT_BYTES = 900 * 1024;

export const DEFAULT_LIMITS: Limits = {
  datasetsPerIdentity: 20,
  recordsPerDataset: MAX_DATASET_RECORDS,
  datasetBytes: 1_048_576,
  ...DEFAULT_SYNC_LIMITS,
  patchesPerCall: 2_500,
  inlineBytes: INLINE_LIMIT_BYTES,
};
