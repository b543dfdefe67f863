import { type BackoffOptions, retryDelayMs, sleep, untilAborted } from '../waiting.ts';
import { LOCAL_OPTIONS, type MappingOptions, type MappingRuntime } from './mapping-settings.ts';
import { createRetryState, errorText, type RetryState } from './retry-state.ts';
import { isCondition } from './shard-cursor.ts';
import type { MappingDeps, ShardStatus } from './shard-poller.ts';
import { createShardSet, type ShardSet } from './shard-set.ts';

export interface MappingStatus {
  functionName: string;
  streamName: string;
  /** Why the shards cannot be listed, for instance because there is no such stream yet; otherwise null. */
  lastError: string | null;
  /** The shards begun so far; a child shard is begun when its parents are drained. */
  shards: ShardStatus[];
}

export interface EventSourceMapping {
  status(): MappingStatus;
  /**
   * Stops polling. Resolves at once when idle, otherwise when the invocations under way have ended and their
   * checkpoints are saved; a function that never returns has to be bounded by the caller.
   */
  close(): Promise<void>;
}

export type EventSourceMappingDeps = Omit<MappingDeps, 'options' | keyof MappingRuntime> &
  Partial<MappingRuntime> & { options?: Partial<MappingOptions> };

/** A stream about to be made is worth a look each second; it costs next to nothing. */
const MISSING_STREAM_CAP_MS = 1_000;

/**
 * Polls a Kinesis stream and invokes a function with its records: the local counterpart of an AWS Lambda event
 * source mapping. The records of a partition key strictly in order, those of a shard too unless several of its
 * batches are processed at once; shards independent of each other; at least once, from the checkpoint. What the
 * settings give up on goes to the failure destination. No tumbling windows, no filters, no enhanced fan-out.
 *
 * Never throws and never rejects: failures of the reader, the function, the failure destination and the checkpoint
 * store are retried, and shown by `status()`.
 *
 * Source: AWS Lambda Developer Guide, "Process Amazon Kinesis Data Streams records with Lambda" and "Lambda
 * event source mappings".
 */
export function startEventSourceMapping(given: EventSourceMappingDeps): EventSourceMapping {
  const deps: MappingDeps = {
    ...given,
    now: given.now ?? Date.now,
    random: given.random ?? Math.random,
    sleep: given.sleep ?? sleep,
    options: { ...LOCAL_OPTIONS, ...given.options },
  };
  const { functionName, streamName } = deps;
  const stopping = new AbortController();
  let nap = new AbortController();
  const trouble = createRetryState(deps.logger, { functionName, streamName });
  const shards = createShardSet(deps, () => nap.abort());

  async function discoverShards(): Promise<void> {
    while (!stopping.signal.aborted) {
      nap = new AbortController();
      const pauseMs = await discover(deps, shards, trouble, stopping.signal);
      // However often pollers end, the stream is not asked more often than it is polled.
      const floorMs = Math.min(pauseMs, deps.options.pollIntervalMs);
      await deps.sleep(floorMs, stopping.signal);
      if (!stopping.signal.aborted) await deps.sleep(pauseMs - floorMs, nap.signal);
    }
  }

  const discovering = discoverShards();
  return {
    status: () => ({ functionName, streamName, lastError: trouble.message(), shards: shards.status() }),
    async close() {
      stopping.abort();
      nap.abort();
      await Promise.all([shards.close(), discovering]);
    },
  };
}

/** @returns milliseconds until the next look */
async function discover(
  { reader, streamName, options, random }: MappingDeps,
  shards: ShardSet,
  trouble: RetryState,
  signal: AbortSignal,
): Promise<number> {
  try {
    const listed = await untilAborted(reader.listShards(streamName), signal);
    if (listed && listed.length > 0) {
      trouble.over();
      shards.fit(listed);
      return options.discoveryIntervalMs;
    }
    // A stream that is being created has no shards yet.
    const attempt = listed ? trouble.failed(`stream ${streamName} has no shards`) : 0;
    return retryDelayMs(attempt, missingStreamPace(options), random());
  } catch (error) {
    if (!isCondition(error, 'not-found')) {
      const attempt = trouble.failed(`the shards of ${streamName} cannot be listed: ${errorText(error)}`);
      return retryDelayMs(attempt, options, random());
    }
    shards.streamIsGone();
    const attempt = trouble.failed(`stream ${streamName} does not exist`);
    return retryDelayMs(attempt, missingStreamPace(options), random());
  }
}

function missingStreamPace({ retryBaseMs, retryCapMs }: MappingOptions): BackoffOptions {
  return { retryBaseMs, retryCapMs: Math.min(retryCapMs, MISSING_STREAM_CAP_MS) };
}
