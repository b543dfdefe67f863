import type { BackoffOptions, Sleep } from '../waiting.ts';

/**
 * The settings of an AWS event source mapping that the local one honours, under AWS's names.
 * Source: AWS Lambda API Reference, CreateEventSourceMapping.
 */
export interface MappingSettings {
  /** Most records of one invocation, 1 to 10,000. */
  batchSize: number;
  /** How long a record may wait for others to fill its batch, 0 to 300,000. */
  maximumBatchingWindowMs: number;
  /** Where a mapping without checkpoints begins: at the oldest record, or with those that arrive from now on. */
  startingPosition: 'TRIM_HORIZON' | 'LATEST';
  /** How many batches of one shard are processed at once, 1 to 10; the order of each partition key is kept. */
  parallelizationFactor: number;
  /** Whether a batch that failed as a whole is split in two before it is tried again. */
  bisectBatchOnFunctionError: boolean;
  /** How often a batch is tried again before it is discarded, 0 to 10,000; -1 for without end. */
  maximumRetryAttempts: number;
  /** How old a record may be when the function gets it, 60 to 604,800; -1 for any age. */
  maximumRecordAgeInSeconds: number;
  /** Whether the function's answer can say which record failed. */
  reportBatchItemFailures: boolean;
}

/** How fast the local mapping goes about it. */
export interface MappingOptions extends BackoffOptions {
  /** Pause after a read that found nothing. */
  pollIntervalMs: number;
  /** Pause between looks for new shards. */
  discoveryIntervalMs: number;
}

/**
 * Far quicker than AWS (one read a second, retries up to minutes apart): a local stream should not make its
 * user wait, and a database that is available again should be noticed immediately. AWS allows five reads per second and
 * shard.
 */
export const LOCAL_OPTIONS: MappingOptions = {
  pollIntervalMs: 100,
  discoveryIntervalMs: 10_000,
  retryBaseMs: 100,
  retryCapMs: 10_000,
};

/** Time and chance, as arguments. */
export interface MappingRuntime {
  /** Epoch milliseconds. */
  now: () => number;
  /** 0 (included) to 1 (excluded). */
  random: () => number;
  sleep: Sleep;
}
