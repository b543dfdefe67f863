import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { Difference } from './compare-identity.ts';
import type { BridgeCounts, BridgeStore, WaitingDataset } from './ports/bridge-store.ts';
import type { FinishStore } from './ports/finish-store.ts';
import type { MoveStore, MovingPool } from './ports/move-store.ts';
import { type TakeOverDeps, takeOverUncompared } from './take-over.ts';
import { replicasIn, type TakeOverProblem, takeOverAll } from './take-over-pool.ts';
import { type VerifyDeps, verifyPool } from './verify.ts';

/** About every two minutes, the follower saves the time up to which all events are applied. */
const MAX_FOLLOW_LAG_MS = 10 * 60_000;
/** If the bridge makes no progress for this long, the report names the datasets that wait for the bridge. */
const BRIDGE_WAIT_MS = 30_000;
const PAUSE_MS = 1_000;
/** Maximum number of datasets and problems that a report names. */
const NAMED = 1_000;

export interface FinishDeps extends Omit<TakeOverDeps, 'paced' | 'onSkipped'>, Pick<VerifyDeps, 'random'> {
  store: MoveStore;
  bridge: Pick<BridgeStore, 'count' | 'listWaiting'>;
  finishes: FinishStore;
  /** Maximum number of calls to the origin per second. */
  maxCallsPerSecond: number;
}

export interface FinishOptions {
  pool: MovingPool;
  /** For how long no old version of the app must have written at the origin, milliseconds. */
  quietForMs: number;
  /** Reasons that do not prevent the end. */
  ignored: ReadonlySet<FinishReason>;
  /** Finds out what would prevent the end, but changes nothing. */
  isDryRun: boolean;
  signal: AbortSignal;
  onProgress?: (step: 'taken over' | 'compared', done: number, total: number) => void;
}

/**
 * Why a migration is not finished. `not-followed`: events of the origin are not applied yet, so the last write there is
 * unknown. `unknown-logins`: users whose logins were never used here would get new identities. `replicas`: identities
 * could not be taken over. `waiting`: datasets wait for the bridge. `origin`: the origin did not respond. `busy`: a copy is
 * in progress, another process works on an identity, or an identity was created in the meantime.
 */
export type FinishReason = (typeof FINISH_REASONS)[number];

export const FINISH_REASONS = [
  'copy-incomplete',
  'events-missing',
  'not-followed',
  'not-quiet',
  'replicas',
  'waiting',
  'differences',
  'unknown-logins',
  'origin',
  'busy',
] as const;

/** The unfinished work of a migration. Finishing deletes none of this data. */
interface LeftOver {
  /** Identities that are replicas. */
  replicas: number;
  /** Problems of the copies before takeovers, and identities that could not be taken over. */
  notTakenOver: TakeOverProblem[];
  bridge: BridgeCounts;
  /** Some of the datasets that wait for the bridge. */
  waiting: WaitingDataset[];
  /** Null if the pool was not compared with the origin. */
  differences: Difference[] | null;
  /** Identities with a login at the origin that was never used here. */
  unknownLogins: number;
}

export interface FinishReport {
  outcome: 'finished' | 'already-finished' | 'would-finish' | 'refused' | 'stopped';
  /** Includes the reasons that the options ignore. */
  reasons: FinishReason[];
  finishedAt: number | null;
  lastOldWrite: number | null;
  /** Identities that this call has taken over. */
  takenOver: number;
  /** How many of the identities taken over could not be compared with the origin; 0 unless replicas are ignored. */
  uncompared: number;
  left: LeftOver;
}

/**
 * Finishes the migration of a pool if no work remains: the copy is complete, no event is missing, no old version has
 * written at the origin for the chosen period, this service owns all identities, the bridge has no work, and both sides have
 * equal values. Takes over the identities that are still replicas, and waits for the bridge. Can be repeated.
 *
 * If work remains, the migration is not finished, unless the options ignore every reason. If replicas are ignored,
 * those that cannot be compared are taken over as they are here. Nothing is deleted: datasets that wait for the bridge
 * remain marked, and after a later copy, the bridge continues with them.
 *
 * @throws {SyncClientError} the origin did not respond, and the options do not ignore `origin`
 */
export async function finishPool(deps: FinishDeps, options: FinishOptions): Promise<FinishReport> {
  const { finishes, now } = deps;
  const { pool, ignored, isDryRun, signal } = options;
  const refuses = (given: readonly FinishReason[]) => given.some((reason) => !ignored.has(reason));
  const { identityPoolId } = pool;
  const found: Found = { takenOver: 0, uncompared: 0, notTakenOver: [], differences: null };
  if (pool.finishedAt !== null)
    return { outcome: 'already-finished', reasons: [], ...(await describe(deps, options, found)) };
  let reasons = await stateReasons(deps, options);
  if (!refuses(reasons) || isDryRun) {
    try {
      await finishWork(deps, options, found);
      reasons = await stateReasons(deps, options);
    } catch (error) {
      if (!(error instanceof SyncClientError) || signal.aborted || !(ignored.has('origin') || isDryRun))
        throw error;
      reasons = [...(await stateReasons(deps, options)), 'origin'];
    }
    if (signal.aborted) return { outcome: 'stopped', reasons, ...(await describe(deps, options, found)) };
    reasons.push(...(await reasonsLeft(deps, options, found)));
  }
  const isRefused = refuses(reasons);
  if (isRefused || isDryRun) {
    const outcome = isRefused ? 'refused' : 'would-finish';
    return { outcome, reasons, ...(await describe(deps, options, found)) };
  }
  // Counted first: an identity that is created later may be a replica.
  const { identities } = await deps.store.countIdentities(identityPoolId, 0);
  const rest = await takeOverRest(deps, identityPoolId);
  found.uncompared = rest.taken;
  found.takenOver += rest.taken;
  const about = { startedAt: pool.startedAt, at: now(), identities };
  // An identity that remained a replica would never be followed or taken over again.
  const isFinished = rest.left === 0 && (await finishes.finish(identityPoolId, about));
  if (!isFinished) reasons.push('busy');
  const outcome = isFinished ? 'finished' : 'refused';
  return { outcome, reasons, ...(await describe(deps, options, found)) };
}

interface Found {
  takenOver: number;
  uncompared: number;
  notTakenOver: TakeOverProblem[];
  differences: Difference[] | null;
}

/** Returns the reasons that the state of the pool itself gives. */
async function stateReasons(
  { store, now }: FinishDeps,
  { pool: { identityPoolId }, quietForMs }: FinishOptions,
): Promise<FinishReason[]> {
  const at = now();
  const pool = await store.readPool(identityPoolId, at);
  if (pool === null) return ['copy-incomplete'];
  const reasons: FinishReason[] = [];
  if (pool.progress.phase !== 'done' || pool.copiedAt === null) reasons.push('copy-incomplete');
  if (pool.gapSince !== null) reasons.push('events-missing');
  if (at - (pool.caughtUpTo ?? 0) > MAX_FOLLOW_LAG_MS) reasons.push('not-followed');
  // If no write is known, there was none since the start of the last copy: all events since then are known.
  if (at - (pool.lastOldWrite ?? pool.startedAt) < quietForMs) reasons.push('not-quiet');
  if (pool.lease !== null) reasons.push('busy');
  return reasons;
}

/** Takes over the remaining replicas, waits for the bridge, and compares both sides. A dry run only compares. */
async function finishWork(deps: FinishDeps, options: FinishOptions, found: Found): Promise<void> {
  const { store } = deps;
  const { pool, isDryRun, signal, onProgress } = options;
  const { identityPoolId } = pool;
  if (!isDryRun) {
    const { takenOver } = await takeOverAll(deps, {
      identityPoolId,
      identityId: null,
      signal,
      onProgress: (done, total) => onProgress?.('taken over', done, total),
      onSkipped: (problem) => void (found.notTakenOver.length < NAMED && found.notTakenOver.push(problem)),
    });
    found.takenOver = takenOver;
    await waitForBridge(deps, options);
  }
  if (signal.aborted) return;
  const verifyStore = isDryRun ? { ...store, saveVerification: async () => undefined } : store;
  const verified = await verifyPool(
    { ...deps, store: verifyStore },
    {
      identityPoolId,
      sample: null,
      signal,
      onProgress: (done, total) => onProgress?.('compared', done, total),
    },
  );
  found.differences = verified.differences;
}

/** Waits until no dataset waits for the bridge, or the bridge makes no progress. */
async function waitForBridge(
  { bridge, now, sleep }: FinishDeps,
  { pool, signal }: FinishOptions,
): Promise<void> {
  let least = Number.POSITIVE_INFINITY;
  let until = now() + BRIDGE_WAIT_MS;
  while (!signal.aborted) {
    const { marks } = await bridge.count(pool.identityPoolId);
    if (marks < least) until = now() + BRIDGE_WAIT_MS;
    least = Math.min(least, marks);
    if (marks === 0 || now() >= until) return;
    await sleep(PAUSE_MS);
  }
}

async function reasonsLeft(
  deps: FinishDeps,
  { pool: { identityPoolId }, isDryRun }: FinishOptions,
  { differences }: Found,
): Promise<FinishReason[]> {
  const { bridge, finishes } = deps;
  const { marks, owedKeys } = await bridge.count(identityPoolId);
  return [
    // The command itself takes replicas over, so a dry run need not refuse them.
    ...(!isDryRun && (await countReplicas(deps, identityPoolId)) > 0 ? (['replicas'] as const) : []),
    ...(marks > 0 || owedKeys > 0 ? (['waiting'] as const) : []),
    ...(differences !== null && differences.length > 0 ? (['differences'] as const) : []),
    ...((await finishes.countUnknownLogins(identityPoolId)) > 0 ? (['unknown-logins'] as const) : []),
  ];
}

/** Counts the replicas. An identity that was merged here before a takeover counts as moved, but is no replica. */
async function countReplicas(deps: FinishDeps, identityPoolId: string): Promise<number> {
  const { identities, takenOver } = await deps.store.countIdentities(identityPoolId, 0);
  let count = 0;
  if (takenOver < identities)
    for await (const replicas of replicasIn(deps, { identityPoolId, identityId: null }))
      count += replicas.length;
  return count;
}

/** Takes over the identities that are still replicas, without a comparison. */
async function takeOverRest(
  deps: FinishDeps,
  identityPoolId: string,
): Promise<{ taken: number; left: number }> {
  const result = { taken: 0, left: 0 };
  for await (const replicas of replicasIn(deps, { identityPoolId, identityId: null }))
    for (const { identityId } of replicas)
      result[(await takeOverUncompared(deps, { identityPoolId, identityId })) ? 'taken' : 'left'] += 1;
  return result;
}

async function describe(
  deps: FinishDeps,
  { pool: { identityPoolId } }: FinishOptions,
  { takenOver, uncompared, notTakenOver, differences }: Found,
): Promise<Omit<FinishReport, 'outcome' | 'reasons'>> {
  const { store, bridge, finishes, now } = deps;
  const pool = await store.readPool(identityPoolId, now());
  return {
    finishedAt: pool?.finishedAt ?? null,
    lastOldWrite: pool?.lastOldWrite ?? null,
    takenOver,
    uncompared,
    left: {
      replicas: await countReplicas(deps, identityPoolId),
      notTakenOver,
      bridge: await bridge.count(identityPoolId),
      waiting: await bridge.listWaiting(identityPoolId, NAMED),
      differences,
      unknownLogins: await finishes.countUnknownLogins(identityPoolId),
    },
  };
}
