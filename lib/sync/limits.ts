import { MAX_RECORDS } from '../common/bounds.ts';

/**
 * The limits of the service. The first three are Amazon's documented limits. Amazon calls them "adjustable", so they
 * can be configured here.
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
  /** Maximum UTF-8 bytes of the keys of these rows. */
  keyBytesPerDataset: number;
  /** Maximum devices of one identity. */
  devicesPerIdentity: number;
  /**
   * Maximum patches of one call. Together with the transaction's other rows they stay below Aurora DSQL's limit of
   * 3,000 rows.
   */
  patchesPerCall: number;
  /** Maximum UTF-8 bytes of a stream event. A larger event holds a URL in place of its records. */
  inlineBytes: number;
}

/** Size of the largest stream event. A Kinesis record holds 1 MiB, including its partition key. */
const INLINE_LIMIT_BYTES = 900 * 1024;

/**
 * The limits on rows are this project's own. There are 16 rows for each record that a dataset can hold, so an app that
 * keeps replacing its keys can remove 15 times as many records as it keeps. There are 256 bytes of key per row, twice
 * what Amazon's client libraries allow. An identity has as many devices as one change notifies.
 */
export const DEFAULT_LIMITS: Limits = {
  datasetsPerIdentity: 20,
  recordsPerDataset: MAX_RECORDS,
  datasetBytes: 1_048_576,
  rowsPerDataset: 16_384,
  keyBytesPerDataset: 4 * 1024 * 1024,
  devicesPerIdentity: 100,
  patchesPerCall: 2_500,
  inlineBytes: INLINE_LIMIT_BYTES,
};
