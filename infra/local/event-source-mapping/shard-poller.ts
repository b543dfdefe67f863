import type { KinesisReader } from '../../../lib/aws/kinesis-reader.ts';
import { createBatchCollector, type ShardEnd } from './batch-collector.ts';
import { deliverBatch, type InvokeFunction } from './batch-delivery.ts';
import type { CheckpointStore } from './checkpoint-file.ts';
import type { EventOrigin } from './kinesis-event.ts';
import type { MappingPace, MappingSettings, Surroundings } from './mapping-settings.ts';
import { createShardCursor } from './shard-cursor.ts';
import { createTrouble, type MappingLogger } from './trouble.ts';

export interface ShardStatus {
  shardId: string;
  /** The checkpoint: the last record processed. Null before the first. */
  sequenceNumber: string | null;
  state: 'reading' | 'retrying' | 'drained';
  /** Age of the oldest record read and not yet processed; 0 when there is none. */
  millisBehind: number;
  /** Why the last attempt failed; null after one that worked. */
  lastError: string | null;
}

/** What all shards of a mapping are polled with. */
export interface MappingDeps extends Surroundings {
  reader: KinesisReader;
  streamName: string;
  streamArn: string;
  region: string;
  functionName: string;
  settings: MappingSettings;
  pace: MappingPace;
  invoke: InvokeFunction;
  checkpoints: CheckpointStore;
  logger: MappingLogger;
}

export interface ShardPoller {
  status(): ShardStatus;
  /** Asks it to end: at once when idle, otherwise after the invocation under way and its checkpoint. */
  stop(): void;
  /** Why it ended. Rejects only on a defect. */
  ended: Promise<ShardEnd | 'stopped'>;
}

/**
 * Polls one shard: reads in order, one invocation at a time, and outlives every failure of reader, function
 * and checkpoint store.
 *
 * @param after sequence number of the last record not to be delivered; undefined begins with the oldest
 */
export function startShardPoller(shardId: string, after: string | undefined, deps: MappingDeps): ShardPoller {
  const { streamName, functionName, settings, logger, now } = deps;
  const stopping = new AbortController();
  const details = { functionName, streamName, shardId };
  const trouble = createTrouble(logger, details);
  let checkpoint = after ?? null;

  const onPositionLost = (sequenceNumber: string) => {
    checkpoint = null;
    logger.warn('the checkpoint is not of this stream; reading it from its start', {
      ...details,
      sequenceNumber,
    });
  };
  const cursor = createShardCursor({ reader: deps.reader, streamName, shardId, after, onPositionLost, now });
  const shared = { ...deps, trouble, signal: stopping.signal };
  const notBefore = settings.startingPosition === 'LATEST' ? deps.checkpoints.startedAt : 0;
  const collector = createBatchCollector({ ...shared, cursor, origin: originOf(shardId, deps), notBefore });
  const delivery = {
    ...shared,
    saveCheckpoint: async (sequenceNumber: string) => {
      await deps.checkpoints.save(shardId, sequenceNumber);
      checkpoint = sequenceNumber;
    },
    onProcessed: collector.processed,
  };

  async function run(): Promise<ShardEnd | 'stopped'> {
    for (;;) {
      const batch = await collector.next();
      if (batch.length > 0) await deliverBatch(batch, delivery);
      else if (stopping.signal.aborted) return 'stopped';
      else return collector.end() ?? 'stopped';
    }
  }

  return {
    ended: run(),
    stop: () => stopping.abort(),
    status() {
      const oldest = collector.oldestArrival();
      const lastError = trouble.message();
      const drained = collector.end() === 'drained' && oldest === undefined;
      return {
        shardId,
        sequenceNumber: checkpoint,
        state: drained ? 'drained' : lastError === null ? 'reading' : 'retrying',
        millisBehind: oldest === undefined ? 0 : Math.max(0, now() - oldest),
        lastError,
      };
    },
  };
}

function originOf(shardId: string, { streamArn, region, functionName }: MappingDeps): EventOrigin {
  const account = streamArn.split(':')[4] ?? '';
  const invokeIdentityArn = `arn:aws:iam::${account}:role/${functionName}`;
  return { shardId, streamArn, region, invokeIdentityArn };
}
