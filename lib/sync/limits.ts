import { MAX_DATASET_RECORDS } from '../common/bounds.ts';

/**
 * The limits of the service. The first three limits have the values that Amazon documents. SYNC_LIMITS configures only
 * limits that Amazon does not document (lib/sync/read-limits.ts).
 */
export interface Limits {
  /** Maximum datasets of one identity. */
  datasetsPerIdentity: number;
  /** Maximum live records of one dataset; tombstones do not count. */
  recordsPerDataset: number;
  /** Maximum UTF-8 bytes of the keys and values of a dataset's live records. */
  datasetBytes: number;
  /** Maximum rows of one dataset: live records and tombstones. */
  rowsPerDataset: number;
  /** Maximum UTF-8 bytes of the keys of a dataset's rows, which are live records and tombstones. */
  keyBytesPerDataset: number;
  /** Maximum devices of one identity. */
  devicesPerIdentity: number;
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

/**
 * The default limits. Amazon documents no limits on rows, key bytes or devices, so this project has chosen them:
 *
 * - Rows: 16 times `recordsPerDataset`, because each removed record leaves a row (its tombstone). An app that keeps
 *   replacing its keys can remove 15 times as many records as it keeps.
 * - Key bytes: 256 per row, which is twice the length of the longest key that Amazon's client libraries allow.
 * - Devices: as many as are notified of one change (lib/sync/push/push-to-devices.ts).
 */
export const DEFAULT_LIMITS: Limits = {
  datasetsPerIdentity: 20,
  recordsPerDataset: MAX_DATASET_RECORDS,
  datasetBytes: 1_048_576,
  rowsPerDataset: 16_384,
  keyBytesPerDataset: 4 * 1024 * 1024,
  devicesPerIdentity: 100,
  patchesPerCall: 2_500,
  inlineBytes: INLINE_LIMIT_BYTES,
};
