import { hash } from 'node:crypto';

/**
 * Which of a shard's concurrent batches a record goes into, 0 to `parallelizationFactor` - 1: one partition key
 * always into the same, so that its records stay in order. Not by MD5, by which Kinesis chose the shard.
 *
 * Source: AWS Lambda Developer Guide, "Using Lambda to process records from Amazon Kinesis Data Streams":
 * `ParallelizationFactor` keeps the order of each partition key. How keys are assigned is not described.
 */
export function laneOf(partitionKey: string, parallelizationFactor: number): number {
  if (parallelizationFactor === 1) return 0;
  return hash('sha1', partitionKey, 'buffer').readUInt32BE() % parallelizationFactor;
}
