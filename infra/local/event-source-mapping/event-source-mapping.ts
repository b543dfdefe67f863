import { type BackoffOptions, retryDelayMs, sleep, untilAborted } from '../waiting.ts';
import { LOCAL_OPTIONS, type MappingOptions, type MappingRuntime } from './mapping-settings.ts';
import { createRetryState, errorText, type RetryState } from './retry-state.ts';
import { isCondition } from './shard-cursor.ts';
import type { MappingDeps, ShardStatus } from './shard-poller.ts';
import { createShardSet, type ShardSet } from './shard-set.ts';

export interface MappingStatus {
  functionName: string;
  streamName: string;
  /** Why the shards cannot be listed, for example because the stream does not exist yet; otherwise null. */
  lastError: string | null;
  /** The shards whose polling was started so far. The polling of a child shard starts when its parents are drained. */
  shards: ShardStatus[];
}

export interface EventSourceMapping {
  status(): MappingStatus;
  /**
   * Stops polling. Resolves when the invocations in flight have ended and their checkpoints are saved. Without such an
   * invocation, resolves immediately. The caller must limit how long it waits, because a function may never
   * return.
   */
  close(): Promise<void>;
}

export type EventSourceMappingDeps = Omit<MappingDeps, 'options' | keyof MappingRuntime> &
  Partial<MappingRuntime> & { options?: Partial<MappingOptions> };

/**
 * Maximum pause between two checks whether a missing stream exists. The stream may be created soon, and a check costs
 * almost nothing.
 */
const MISSING_STREAM_CAP_MS = 1_000;

/**
 * Polls a Kinesis stream and invokes a function with its records: the local counterpart of an AWS Lambda event source
 * mapping.
 *
 * - The records of a partition key are delivered strictly in order. All records of a shard are delivered in order
 *   unless several batches of the shard are processed concurrently. Shards are independent of each other.
 * - Each record is delivered at least once: after a restart, delivery continues from the checkpoint.
 * - Records that exceed the limits in the settings go to the failure destination.
 * - Tumbling windows, filters and enhanced fan-out are not supported.
 *
 * Never throws and never rejects. Failures of the reader, the function, the failure destination and the checkpoint
 * store are retried and reported by `status()`.
 *
 * Source: AWS Lambda Developer Guide, "Process Amazon Kinesis Data Streams records with Lambda" and "Lambda event
 * source mappings".
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
  let pause = new AbortController();
  const retryState = createRetryState(deps.logger, { functionName, streamName });
  const shards = createShardSet(deps, () => pause.abort());

  async function discoverShards(): Promise<void> {
    while (!stopping.signal.aborted) {
      pause = new AbortController();
      const pauseMs = await discover(deps, shards, retryState, stopping.signal);
      // Each poller that ends aborts `pause`. This minimum pause ensures that the shards are listed no more often than
      // the stream is polled, even if pollers end often.
      const floorMs = Math.min(pauseMs, deps.options.pollIntervalMs);
      await deps.sleep(floorMs, stopping.signal);
      if (!stopping.signal.aborted) await deps.sleep(pauseMs - floorMs, pause.signal);
    }
  }

  const discovering = discoverShards();
  return {
    status: () => ({ functionName, streamName, lastError: retryState.message(), shards: shards.status() }),
    async close() {
      stopping.abort();
      pause.abort();
      await Promise.all([shards.close(), discovering]);
    },
  };
}

/** Lists the shards, and starts and stops pollers to match the list. @returns milliseconds until the next discovery */
async function discover(
  { reader, streamName, options, random }: MappingDeps,
  shards: ShardSet,
  retryState: RetryState,
  signal: AbortSignal,
): Promise<number> {
  try {
    const listed = await untilAborted(reader.listShards(streamName), signal);
    if (listed && listed.length > 0) {
      retryState.recovered();
      shards.fit(listed);
      return options.discoveryIntervalMs;
    }
    // A stream that is being created has no shards yet.
    const attempt = listed ? retryState.failed(`stream ${streamName} has no shards`) : 0;
    return retryDelayMs(attempt, missingStreamBackoff(options), random());
  } catch (error) {
    if (!isCondition(error, 'not-found')) {
      const attempt = retryState.failed(`the shards of ${streamName} cannot be listed: ${errorText(error)}`);
      return retryDelayMs(attempt, options, random());
    }
    shards.streamIsGone();
    const attempt = retryState.failed(`stream ${streamName} does not exist`);
    return retryDelayMs(attempt, missingStreamBackoff(options), random());
  }
}

function missingStreamBackoff({ retryBaseMs, retryCapMs }: MappingOptions): BackoffOptions {
  return { retryBaseMs, retryCapMs: Math.min(retryCapMs, MISSING_STREAM_CAP_MS) };
}
