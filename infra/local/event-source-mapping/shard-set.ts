import type { StreamShard } from '../../../lib/aws/kinesis-reader.ts';
import { errorText } from './retry-state.ts';
import { type MappingDeps, type ShardPoller, type ShardStatus, startShardPoller } from './shard-poller.ts';

export interface ShardSet {
  /** Starts and stops pollers so that they match the stream's current shards. */
  fit(listed: readonly StreamShard[]): void;
  /**
   * Stops the pollers of a deleted stream. A later stream with the same name is a different stream, so the checkpoints
   * do not apply to it.
   */
  streamIsGone(): void;
  /** Returns the status of each shard whose polling was started, ordered by id. */
  status(): ShardStatus[];
  /** Stops all pollers and resolves when the invocations in flight have ended. */
  close(): Promise<void>;
}

interface RunningShard {
  poller: ShardPoller;
  startingSequenceNumber: string;
  drained: boolean;
}

/**
 * Creates the pollers of a stream, one per shard. The poller of a shard starts when the parents of the shard were read
 * to their ends or are no longer listed. The records of a partition key therefore stay in order when shards are split
 * or merged. A poller is stopped if its shard is no longer listed, or if the listed shard belongs to a new stream with
 * the same name. If such a shard is listed again, it is read from its start.
 *
 * @param onChange called when a poller has ended, because pollers of other shards may have to be started
 */
export function createShardSet(deps: MappingDeps, onChange: () => void): ShardSet {
  const running = new Map<string, RunningShard>();
  const outdatedCheckpoints = new Set<string>();
  let closing = false;

  function start({ shardId, startingSequenceNumber }: StreamShard): void {
    const after = outdatedCheckpoints.has(shardId) ? undefined : deps.checkpoints.get(shardId);
    const poller = startShardPoller(shardId, after, deps);
    const entry = { poller, startingSequenceNumber, drained: false };
    running.set(shardId, entry);
    deps.logger.info('started polling a shard', { ...names(deps), shardId, after: after ?? null });
    poller.ended.then(
      (why) => {
        entry.drained = why === 'drained';
        if (why === 'missing') outdatedCheckpoints.add(shardId);
        if (why !== 'drained' && !closing) running.delete(shardId);
        onChange();
      },
      (error: unknown) => {
        deps.logger.error('a poller failed', { ...names(deps), shardId, error: errorText(error) });
        if (poller.status().sequenceNumber !== null) outdatedCheckpoints.delete(shardId);
        if (!closing) running.delete(shardId);
        onChange();
      },
    );
  }

  function retire(shardId: string, { poller, drained }: RunningShard): void {
    outdatedCheckpoints.add(shardId);
    poller.stop();
    if (drained) running.delete(shardId);
  }

  return {
    fit(listed) {
      if (closing) return;
      const shards = new Map(listed.map((shard) => [shard.shardId, shard]));
      for (const [shardId, entry] of running) {
        const isSame = shards.get(shardId)?.startingSequenceNumber === entry.startingSequenceNumber;
        if (!isSame) retire(shardId, entry);
      }
      const isRead = (shardId: string) => !shards.has(shardId) || running.get(shardId)?.drained === true;
      for (const shard of listed) {
        if (!running.has(shard.shardId) && shard.parentShardIds.every(isRead)) start(shard);
      }
    },
    streamIsGone() {
      for (const [shardId, entry] of running) retire(shardId, entry);
    },
    status: () => [...running.values()].map(({ poller }) => poller.status()).sort(byShardId),
    async close() {
      closing = true;
      for (const { poller } of running.values()) poller.stop();
      await Promise.allSettled([...running.values()].map(({ poller }) => poller.ended));
    },
  };
}

function byShardId(one: ShardStatus, other: ShardStatus): number {
  return one.shardId < other.shardId ? -1 : 1;
}

function names({ functionName, streamName }: MappingDeps): { functionName: string; streamName: string } {
  return { functionName, streamName };
}
