import type { KinesisReader } from '../../../lib/aws/kinesis-reader.ts';
import { createBatchCollector, type ShardEnd } from './batch-collector.ts';
import { type BatchDeliveryDeps, deliverBatch, type InvokeMappedFunction } from './batch-delivery.ts';
import type { CheckpointStore } from './checkpoint-file.ts';
import type { FailureDestination } from './failure-destination.ts';
import type { FailureOrigin } from './failure-record.ts';
import type { EventOrigin } from './kinesis-event.ts';
import type { MappingOptions, MappingRuntime, MappingSettings } from './mapping-settings.ts';
import { createRetryState, type MappingLogger } from './retry-state.ts';
import { createShardCursor } from './shard-cursor.ts';
import { createShardProgress } from './shard-progress.ts';

export interface ShardStatus {
  shardId: string;
  /** The checkpoint: the sequence number up to which all records are processed. Null before the first checkpoint. */
  sequenceNumber: string | null;
  state: 'reading' | 'retrying' | 'drained';
  /** Age of the oldest record that was read but not processed; 0 if there is no such record. */
  millisBehind: number;
  /** Why the last attempt failed; null if it succeeded. */
  lastError: string | null;
  /** Batches sent to the failure destination since this process started the shard. */
  discardedBatches: number;
  discardedRecords: number;
}

/** The dependencies shared by all shards of a mapping. */
export interface MappingDeps extends MappingRuntime {
  reader: KinesisReader;
  streamName: string;
  streamArn: string;
  region: string;
  functionName: string;
  settings: MappingSettings;
  options: MappingOptions;
  invoke: InvokeMappedFunction;
  checkpoints: CheckpointStore;
  failures: FailureDestination;
  logger: MappingLogger;
}

export interface ShardPoller {
  status(): ShardStatus;
  /**
   * Stops the poller: immediately if it is idle, otherwise when the invocation in flight has ended and its checkpoint
   * is saved.
   */
  stop(): void;
  /** Resolves to the reason for the end when the poller has ended. Rejects only because of a defect in this program. */
  ended: Promise<ShardEnd | 'stopped'>;
}

/**
 * Polls one shard in order. Processes up to `parallelizationFactor` batches concurrently. Continues after every failure
 * of the reader, the function, the failure destination and the checkpoint store.
 *
 * @param after sequence number of the last record to skip; undefined to start with the oldest
 */
export function startShardPoller(shardId: string, after: string | undefined, deps: MappingDeps): ShardPoller {
  const { streamName, functionName, settings, checkpoints, logger, now } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  const details = { functionName, streamName, shardId };
  const origin = originOf(shardId, deps);
  const progress = createShardProgress({ shardId, after, checkpoints });
  const discarded = { batches: 0, records: 0 };
  let drained = false;

  const onPositionLost = (sequenceNumber: string) => {
    progress.lost();
    logger.warn('the checkpoint belongs to another stream; reading the current stream from its start', {
      ...details,
      sequenceNumber,
    });
  };
  const reading = createRetryState(logger, details);
  const collector = createBatchCollector({
    ...deps,
    cursor: createShardCursor({ reader: deps.reader, streamName, shardId, after, onPositionLost, now }),
    origin,
    progress,
    notBefore: settings.startingPosition === 'LATEST' ? checkpoints.startedAt : 0,
    retryState: reading,
    signal,
  });
  const lanes = Array.from({ length: settings.parallelizationFactor }, (_, lane): BatchDeliveryDeps => {
    return {
      ...deps,
      origin,
      details,
      signal,
      retryState: createRetryState(logger, details),
      processed(records) {
        progress.processed(records);
        collector.processed(lane, records.length);
      },
      saveCheckpoint: progress.save,
      onDiscarded(count) {
        discarded.batches += 1;
        discarded.records += count;
      },
    };
  });

  async function runLane(delivery: BatchDeliveryDeps, lane: number): Promise<void> {
    for (;;) {
      const batch = await collector.next(lane);
      if (batch.length === 0) return;
      await deliverBatch(batch, delivery);
    }
  }

  async function run(): Promise<ShardEnd | 'stopped'> {
    const running = lanes.map(runLane);
    try {
      await Promise.all(running);
    } catch (error) {
      // Only a defect in this program throws here. All lanes must end before another poller can be started for the
      // shard.
      stopping.abort();
      await Promise.allSettled(running);
      throw error;
    }
    const why = signal.aborted ? 'stopped' : (collector.end() ?? 'stopped');
    drained = why === 'drained';
    // Ends the collector's interest in writes to the stream.
    stopping.abort();
    return why;
  }

  return {
    ended: run(),
    stop: () => stopping.abort(),
    status() {
      const oldest = progress.oldestArrival();
      const states = [reading, ...lanes.map(({ retryState }) => retryState)];
      const lastError = states.map((state) => state.message()).find((message) => message !== null) ?? null;
      return {
        shardId,
        sequenceNumber: progress.checkpoint(),
        state: drained ? 'drained' : lastError === null ? 'reading' : 'retrying',
        millisBehind: oldest === undefined ? 0 : Math.max(0, now() - oldest),
        lastError,
        discardedBatches: discarded.batches,
        discardedRecords: discarded.records,
      };
    },
  };
}

function originOf(
  shardId: string,
  { streamArn, region, functionName }: MappingDeps,
): EventOrigin & FailureOrigin {
  const account = streamArn.split(':')[4] ?? '';
  const invokeIdentityArn = `arn:aws:iam::${account}:role/${functionName}`;
  const functionArn = `arn:aws:lambda:${region}:${account}:function:${functionName}`;
  return { shardId, streamArn, region, invokeIdentityArn, functionArn };
}
