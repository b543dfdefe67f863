import { evaluateRun, hasPassedShards, PARALLEL, type ShardView, timeOf } from './evaluate-run.ts';
import { type CountFailedBatches, EvidenceError, type StreamReader } from './evidence.ts';
import type { OpenRun, PublishRun } from './publish-model.ts';
import type { PublishStore } from './publish-store.ts';
import { readShards } from './read-shards.ts';
import { cannotBeFound, cannotBeKnown, keepWaiting } from './run-transitions.ts';

export interface EvaluateDeps {
  store: Pick<PublishStore, 'readPositions' | 'countQuarantined'>;
  streams: StreamReader;
  countFailedBatches: CountFailedBatches;
  /** Of the event source mapping. Above 1, nobody knows how far a shard is projected. */
  parallelizationFactor: number;
  /** Epoch milliseconds. */
  now: () => number;
}

/** The shortest time for which a stream keeps records. */
const MIN_RETENTION_MS = 24 * 60 * 60 * 1000;

/** Until what was put on a stream can be read from it, for sure: it takes less than a second. */
const SETTLE_MS = 3_000;

/**
 * Judges runs of one stream that have succeeded, and of which it is not known yet that they are projected. The stream is
 * read once for all of them, after the service has said that each is over.
 *
 * @returns the runs as they are now, those that are left alone for now not among them; and why the stream or the failure
 *   destination could not be read, if so
 */
export async function evaluateRuns(
  deps: EvaluateDeps,
  streamName: string,
  runs: readonly OpenRun[],
): Promise<{ judged: PublishRun[]; failure: EvidenceError | null }> {
  const now = deps.now();
  if (deps.parallelizationFactor > 1) {
    return { judged: runs.map((run) => cannotBeKnown(run, PARALLEL, now)), failure: null };
  }
  const settled = runs.filter(({ completedAt }) => Math.abs(now - (completedAt ?? 0)) >= SETTLE_MS);
  if (settled.length === 0) return { judged: [], failure: null };
  try {
    const shards = await readShardsFor(deps, streamName, settled);
    const kept = await readKept(deps, streamName, settled, now);
    const judged: PublishRun[] = [];
    for (const run of settled) {
      if (mayBeLost(run, shards, kept)) judged.push(cannotBeFound(run, now));
      else judged.push(await judge(deps, streamName, run, shards));
    }
    return { judged, failure: null };
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    const waitingFor = `what cannot be read: ${error.message}`;
    return {
      judged: settled.map((run) => keepWaiting(run, waitingFor, run.shards, now)),
      failure: error,
    };
  }
}

/** How far a shard is projected is read before what is waiting on it: what is projected in between counts as waiting. */
async function readShardsFor(
  { store, streams }: EvaluateDeps,
  streamName: string,
  runs: readonly OpenRun[],
): Promise<ShardView[]> {
  const starts = runs.filter((run) => !hasPassedShards(run)).map((run) => timeOf(run).from);
  if (starts.length === 0) return [];
  const positions = await store.readPositions(streamName);
  return readShards(streams, streamName, { positions, since: Math.min(...starts) });
}

interface Kept {
  /** When the stream was made; epoch milliseconds, as below. */
  createdAt: number;
  /** From when on it has its records, for sure, if it is that old. */
  since: number;
}

/** Asked after the shards were read: a stream that is made anew in between is seen to be. */
async function readKept(
  { streams }: EvaluateDeps,
  streamName: string,
  runs: readonly OpenRun[],
  now: number,
): Promise<Kept> {
  const starts = runs.filter((run) => !hasPassedShards(run)).map((run) => timeOf(run).from);
  if (starts.length === 0) return { createdAt: 0, since: 0 };
  const createdAt = await streams.readCreatedAt(streamName);
  const isOld = starts.some((from) => now - from > MIN_RETENTION_MS);
  return { createdAt, since: now - (isOld ? await streams.readRetentionMs(streamName) : MIN_RETENTION_MS) };
}

/** It began before what the stream has, and not every shard is projected beyond its end. */
function mayBeLost(run: OpenRun, shards: readonly ShardView[], { createdAt, since }: Kept): boolean {
  if (hasPassedShards(run)) return false;
  const { from, to } = timeOf(run);
  // What is projected of a stream made anew says nothing of the one before, whose shards were not all seen past the run.
  if (from < createdAt) return true;
  if (from >= since) return false;
  return shards.length === 0 || shards.some(({ arrivedAt }) => arrivedAt === null || arrivedAt <= to);
}

async function judge(
  { store, countFailedBatches, now }: EvaluateDeps,
  streamName: string,
  run: OpenRun,
  shards: readonly ShardView[],
): Promise<PublishRun> {
  const time = { streamName, ...timeOf(run) };
  const evidence = {
    shards: hasPassedShards(run) ? null : shards,
    quarantined: await store.countQuarantined(run.identityPoolId, time),
    failedBatches: 0,
  };
  const verdict = evaluateRun(run, evidence, now());
  // The destination may hold much: it is asked last.
  if (verdict.completeness !== 'projected') return verdict;
  return evaluateRun(run, { ...evidence, failedBatches: await countFailedBatches(time) }, now());
}
