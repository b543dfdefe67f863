import { type CountFailedBatches, EvidenceError, type StreamReader } from '../ports/evidence.ts';
import type { PublishStore } from '../ports/publish-store.ts';
import type { OpenRun, PublishRun } from '../publish-model.ts';
import { cannotBeFound, cannotBeKnown, keepWaiting } from '../run-transitions.ts';
import {
  arrivalPeriod,
  CONCURRENT_BATCHES,
  evaluateRun,
  hasPassedShards,
  type ShardView,
} from './evaluate-run.ts';
import { readShards } from './read-shards.ts';

export interface EvaluateDeps {
  store: Pick<PublishStore, 'readPositions' | 'countQuarantined'>;
  streams: StreamReader;
  countFailedBatches: CountFailedBatches;
  /** `ParallelizationFactor` of the event source mapping. If it is above 1, the progress of a shard is unknown. */
  parallelizationFactor: number;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
}

/** The shortest retention period of a Kinesis stream. */
const MIN_RETENTION_MS = 24 * 60 * 60 * 1000;

/** A record is certainly readable this long after it was written. Kinesis needs less than a second. */
const SETTLE_MS = 3_000;

/**
 * Evaluates the bulk publishes (runs) on one stream that succeeded and are not known to be projected. Reads the stream
 * once for all these runs, after the service has reported the end of each run.
 *
 * @returns `evaluated`: the runs in their new state, without the runs that ended too recently to be evaluated.
 *   `failure`: why the stream or the failure destination could not be read, or null
 */
export async function evaluateRuns(
  deps: EvaluateDeps,
  streamName: string,
  runs: readonly OpenRun[],
): Promise<{ evaluated: PublishRun[]; failure: EvidenceError | null }> {
  const now = deps.now();
  if (deps.parallelizationFactor > 1) {
    return { evaluated: runs.map((run) => cannotBeKnown(run, CONCURRENT_BATCHES, now)), failure: null };
  }
  const settled = runs.filter(({ completedAt }) => Math.abs(now - (completedAt ?? 0)) >= SETTLE_MS);
  if (settled.length === 0) return { evaluated: [], failure: null };
  try {
    const shards = await readShardsFor(deps, streamName, settled);
    const kept = await readKept(deps, streamName, settled, now);
    const evaluated: PublishRun[] = [];
    for (const run of settled) {
      if (mayBeLost(run, shards, kept)) evaluated.push(cannotBeFound(run, now));
      else evaluated.push(await evaluate(deps, streamName, run, shards));
    }
    return { evaluated, failure: null };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    const waitingFor = `the stream or failure destination, which cannot be read: ${error.message}`;
    return {
      evaluated: settled.map((run) => keepWaiting(run, waitingFor, run.shards, now)),
      failure: error,
    };
  }
}

/**
 * Reads how far each shard is projected before it reads the waiting records of the shards. A record that is projected
 * between the two reads then counts as waiting, so no run counts as projected too early.
 */
async function readShardsFor(
  { store, streams }: EvaluateDeps,
  streamName: string,
  runs: readonly OpenRun[],
): Promise<ShardView[]> {
  const starts = runs.filter((run) => !hasPassedShards(run)).map((run) => arrivalPeriod(run).from);
  if (starts.length === 0) return [];
  const positions = await store.readPositions(streamName);
  return readShards(streams, streamName, { positions, since: Math.min(...starts) });
}

interface Kept {
  /** When the stream was created, in epoch milliseconds. */
  createdAt: number;
  /**
   * Epoch milliseconds. The stream certainly keeps all records that arrived after this time and after the stream's
   * creation.
   */
  since: number;
}

/**
 * Reads which records the stream keeps. Call this after reading the shards, to detect a stream that was recreated while
 * the shards were read.
 */
async function readKept(
  { streams }: EvaluateDeps,
  streamName: string,
  runs: readonly OpenRun[],
  now: number,
): Promise<Kept> {
  const starts = runs.filter((run) => !hasPassedShards(run)).map((run) => arrivalPeriod(run).from);
  if (starts.length === 0) return { createdAt: 0, since: 0 };
  const createdAt = await streams.readCreatedAt(streamName);
  const isOld = starts.some((from) => now - from > MIN_RETENTION_MS);
  return { createdAt, since: now - (isOld ? await streams.readRetentionMs(streamName) : MIN_RETENTION_MS) };
}

/**
 * Returns whether records of the run may be lost. If an earlier poll found all shards projected past the end of the
 * run, none are lost. Otherwise, records may be lost in two cases:
 *
 * - The stream was recreated since the run started.
 * - The run started before the oldest record that the stream keeps, and either no shard could be read, or at least one
 *   shard is not projected past the end of the run.
 */
function mayBeLost(run: OpenRun, shards: readonly ShardView[], { createdAt, since }: Kept): boolean {
  if (hasPassedShards(run)) return false;
  const { from, to } = arrivalPeriod(run);
  const { streamCreatedAt } = run;
  // The stream was recreated. When the shards of the previous stream were last read, not all of them were projected
  // past the end of the run. Progress on the new stream says nothing about the previous stream.
  if (streamCreatedAt === null ? from < createdAt : streamCreatedAt !== createdAt) return true;
  if (from >= since) return false;
  return shards.length === 0 || shards.some(({ arrivedAt }) => arrivedAt === null || arrivedAt <= to);
}

async function evaluate(
  { store, countFailedBatches, now }: EvaluateDeps,
  streamName: string,
  run: OpenRun,
  shards: readonly ShardView[],
): Promise<PublishRun> {
  const time = { streamName, ...arrivalPeriod(run) };
  const evidence = {
    shards: hasPassedShards(run) ? null : shards,
    quarantined: await store.countQuarantined(run.identityPoolId, time),
    failedBatches: 0,
  };
  const verdict = evaluateRun(run, evidence, now());
  // The failure destination may hold many objects, so read it last.
  if (verdict.completeness !== 'projected') return verdict;
  return evaluateRun(run, { ...evidence, failedBatches: await countFailedBatches(time) }, now());
}
