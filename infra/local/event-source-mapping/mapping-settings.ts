import type { BackoffOptions, Sleep } from '../waiting.ts';

/**
 * The settings of an AWS event source mapping that the local event source mapping supports, with AWS's names. Source:
 * AWS Lambda API Reference, CreateEventSourceMapping.
 */
export interface MappingSettings {
  /** Maximum number of records per invocation, 1 to 10,000. */
  batchSize: number;
  /** Maximum time that a record waits for more records to fill its batch, 0 to 300,000 milliseconds. */
  maximumBatchingWindowMs: number;
  /**
   * Where a new mapping starts: at the oldest record (TRIM_HORIZON), or at the records that arrive after its first
   * start (LATEST).
   */
  startingPosition: 'TRIM_HORIZON' | 'LATEST';
  /** Number of concurrent batches per shard, 1 to 10; the order per partition key is preserved. */
  parallelizationFactor: number;
  /** Whether a batch that failed as a whole is split in two before it is retried. */
  bisectBatchOnFunctionError: boolean;
  /** Number of retries before a batch is discarded, 0 to 10,000; -1 for no limit. */
  maximumRetryAttempts: number;
  /** Maximum age of a record that is delivered, 60 to 604,800 seconds; -1 for no limit. */
  maximumRecordAgeInSeconds: number;
  /** Whether the function's response can name the record that failed. */
  reportBatchItemFailures: boolean;
}

/** Timing of the local mapping. */
export interface MappingOptions extends BackoffOptions {
  /** Minimum pause after a read that returned no records. */
  pollIntervalMs: number;
  /** Maximum pause between two reads of a shard that has no more records. Default: `pollIntervalMs`. */
  idleIntervalMs?: number;
  /** Pause between two discoveries of shards. */
  discoveryIntervalMs: number;
}

/**
 * These intervals are much shorter than those of AWS, which reads a shard once per second and waits up to minutes
 * before a retry. A developer should not have to wait for a local stream, and the mapping should notice immediately
 * when a database is available again. AWS would allow only five reads per second and shard.
 */
export const LOCAL_OPTIONS: MappingOptions = {
  pollIntervalMs: 100,
  discoveryIntervalMs: 10_000,
  retryBaseMs: 100,
  retryCapMs: 10_000,
};

/** Sources of time, randomness and events, passed as arguments. */
export interface MappingRuntime {
  /** Has an event of type `write` after each write to the stream. Such an event ends the pause of an idle shard. */
  writes?: EventTarget;
  /** Epoch milliseconds. */
  now: () => number;
  /** Returns a number from 0 (included) to 1 (excluded). */
  random: () => number;
  sleep: Sleep;
}
