import { MAX_RECORDS } from '../common/bounds.ts';

/** Limits of the service; the first three are Amazon's documented ones, there "adjustable", and so here. */
export interface Limits {
  /** Datasets that one identity may have. */
  datasetsPerIdentity: number;
  /** Live records in one dataset; tombstones do not count. */
  recordsPerDataset: number;
  /** UTF-8 bytes of the keys and values of a dataset's live records. */
  datasetBytes: number;
  /** Patches in one call: with what else its transaction writes, below the 3,000 rows that Aurora DSQL takes. */
  patchesPerCall: number;
  /** UTF-8 bytes of a stream event; the records of a larger one lie behind a URL. */
  inlineBytes: number;
}

/** Largest stream event: a Kinesis record holds 1 MiB with its partition key. */
const INLINE_LIMIT_BYTES = 900 * 1024;

export const DEFAULT_LIMITS: Limits = {
  datasetsPerIdentity: 20,
  recordsPerDataset: MAX_RECORDS,
  datasetBytes: 1_048_576,
  patchesPerCall: 2_500,
  inlineBytes: INLINE_LIMIT_BYTES,
};
