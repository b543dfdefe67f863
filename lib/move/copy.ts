import { SyncClientError } from '../backfill/ports/sync-client.ts';
import { createPacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import { copyData } from './copy-data.ts';
import { listAll, listUsable } from './copy-identities.ts';
import {
  type CopyDeps,
  type CopyOptions,
  type CopyOutcome,
  type CopyRun,
  LeaseLostError,
} from './copy-run.ts';
import { MOVING_KNOWN_MS } from './moving-pools.ts';
import { type Lease, noProgress } from './ports/move-store.ts';
import type { Origin, OriginPool } from './ports/origin.ts';
import { createSkipReasons } from './skip-reasons.ts';

/** How long the lease on a pool lasts. One attempt of a call takes less, with the pause before it. */
const LEASE_MS = 120_000;
/** The lease is extended before an attempt of a call if this much time has passed since it was last extended. */
const RENEW_MS = 15_000;

/**
 * Copies a pool from the origin: first all identities, then their developer users and datasets. Continues where an
 * interrupted copy ended; a finished copy is repeated, and only differences are written. Identities that this service owns
 * are not changed. Can run during live traffic at the origin: a change is applied only if it is newer in the version
 * order. Changes that the copy misses are on the origin's stream.
 *
 * @throws {DatabaseError} everything copied before is saved
 */
export async function copyPool(deps: CopyDeps, options: CopyOptions): Promise<CopyOutcome> {
  const { origin, store, now, sleep, maxCallsPerSecond } = deps;
  const { identityPoolId, holder, signal } = options;
  const paced = createPacedCalls({ maxCallsPerSecond, now, sleep, signal });
  const outcome: CopyOutcome = notStarted();
  let lease: Lease | null = null;
  try {
    const pool = await paced(() => origin.readPool(identityPoolId));
    outcome.syncTrigger = pool.syncTrigger;
    const problem = streamProblem(pool, origin);
    if (problem !== null) return { ...outcome, end: 'not-streaming', message: problem };
    if (await isSameService(deps, paced, identityPoolId))
      return { ...outcome, end: 'same-service', message: describeSame(origin) };
    const until = now() + LEASE_MS;
    const taken = await store.takeLease(identityPoolId, { origin: origin.name, holder, now: now(), until });
    if (!('leaseId' in taken)) return { ...outcome, end: 'in-use', message: describeHolder(taken) };
    lease = taken;
    const other = await describeOther(deps, identityPoolId);
    if (other !== null) return { ...outcome, end: 'other-origin', message: other };
    // If this process is killed before the pool exists, the next copy treats the pool as new, too.
    const isPoolNew = !(await store.poolExists(identityPoolId));
    const run = await begin(deps, options, { lease, paced, pool, isPoolNew });
    const made = isPoolNew ? await store.createPool(pool.settings) : 'there';
    if (made === 'being deleted') return { ...outcome, end: 'being-deleted' };
    outcome.isPoolMade = made === 'made';
    outcome.isResumed = run.progress.position !== null || run.progress.phase !== 'usable';
    outcome.counts = run.progress.counts;
    outcome.end = await runPhases(run);
    return outcome;
  } catch (error) {
    if (error instanceof LeaseLostError) return { ...outcome, end: 'lost' };
    if (!(error instanceof SyncClientError)) throw error;
    return { ...outcome, end: signal?.aborted ? 'stopped' : error.condition, message: error.message };
  } finally {
    if (lease) await store.releaseLease(lease);
  }
}

function notStarted(): CopyOutcome {
  return {
    end: 'stopped',
    message: null,
    isPoolMade: false,
    counts: null,
    isResumed: false,
    syncTrigger: null,
  };
}

/** Returns why the pool's changes could not be followed; null if they can. */
export function streamProblem({ streaming }: OriginPool, { streamName }: Origin): string | null {
  if (!streaming.isEnabled) {
    return 'the pool does not stream at the origin, so changes made during the copy would be lost; enable Cognito Streams for the pool first (`connect` does this)';
  }
  return streaming.streamName === streamName
    ? null
    : `the pool streams to ${streaming.streamName ?? 'an unknown stream'} at the origin, but ORIGIN_STREAM is ${streamName}; set ORIGIN_STREAM`;
}

/**
 * Returns whether the origin is this service itself, at any address. To find out, creates an identity here for a
 * moment, and checks whether the origin describes it. This is not necessary if the pool does not exist here, or if an
 * earlier copy from the same origin is complete.
 */
async function isSameService(
  { origin, store, now }: CopyDeps,
  paced: CopyRun['paced'],
  identityPoolId: string,
): Promise<boolean> {
  const stored = await store.readPool(identityPoolId, now());
  const isKnown = stored !== null && stored.copiedAt !== null && stored.origin === origin.name;
  if (isKnown || !(await store.poolExists(identityPoolId))) return false;
  return store.withProbe(
    identityPoolId,
    async (identityId) => (await paced(() => origin.describeIdentity(identityId))) !== null,
  );
}

function describeSame({ name }: Origin): string {
  return `the origin (${name}) is this service itself, so there is nothing to copy; set ORIGIN_ENDPOINT_URL to the service that owns the users now`;
}

function describeHolder({ holder, until }: { holder: string; until: number }): string {
  return `${holder} is working on this pool; if that process was killed, try again after ${new Date(until).toISOString()}`;
}

/**
 * The agreed counts hold only for the origin from which the owned identities came. In a comparison with another origin,
 * newer data would count as older, or as deleted.
 * @returns why the pool cannot be copied from this origin; null if it can
 */
async function describeOther(
  { store, origin, now }: CopyDeps,
  identityPoolId: string,
): Promise<string | null> {
  const stored = await store.readPool(identityPoolId, now());
  if (stored === null || stored.origin === origin.name || !(await store.poolExists(identityPoolId)))
    return null;
  const { takenOver } = await store.countIdentities(identityPoolId, stored.startedAt);
  if (takenOver === 0) return null;
  return `the pool was copied from ${stored.origin}, and this service already owns ${takenOver} of its identities, so it cannot be copied from ${origin.name}; set ORIGIN_ENDPOINT_URL and the region back`;
}

interface Begun extends Pick<CopyRun, 'lease' | 'paced'> {
  pool: OriginPool;
  isPoolNew: boolean;
}

async function begin(
  deps: CopyDeps,
  options: CopyOptions,
  { lease, paced, pool, isPoolNew }: Begun,
): Promise<CopyRun> {
  const { store, origin, now } = deps;
  const stored = await store.readPool(options.identityPoolId, now());
  const isNew =
    isPoolNew || stored === null || stored.progress.phase === 'done' || stored.origin !== origin.name;
  // Two copies must not have the same start, because the start identifies the copy.
  const startedAt = isNew ? Math.max(now(), (stored?.startedAt ?? 0) + 1) : stored.startedAt;
  if (isNew && !(await store.startCopy(lease, { origin: origin.name, startedAt, isPoolNew })))
    throw new LeaseLostError();
  if (!isNew) await store.resumeCopy(lease);
  const progress = isNew ? noProgress() : stored.progress;
  const isFirst = isPoolNew || stored === null || stored.copiedAt === null;
  // Before an identity of the pool can be used here, every process must know that the pool is being migrated.
  if (isFirst && progress.counts.listed === 0) await deps.sleep(MOVING_KNOWN_MS);
  let savedAt = now();
  const save = async () => {
    savedAt = now();
    if (!(await store.save(lease, progress, savedAt + LEASE_MS))) throw new LeaseLostError();
  };
  return {
    deps,
    options,
    lease,
    startedAt,
    progress,
    save,
    developerProvider: pool.settings.DeveloperProviderName,
    skips: createSkipReasons(origin, store, options.identityPoolId),
    firstRefusal: null,
    // The lease is extended before attempts, not before calls: with the pauses between its attempts, a call can take
    // longer than the lease lasts.
    paced: (call) =>
      paced(async () => {
        const sinceSaved = now() - savedAt;
        if (sinceSaved >= RENEW_MS || sinceSaved < 0) await save();
        return call();
      }),
  };
}

/** @throws {LeaseLostError} */
async function runPhases(run: CopyRun): Promise<'finished' | 'stopped'> {
  const { progress, options, deps, lease } = run;
  const phases = { usable: listUsable, all: listAll, data: copyData, done: null };
  const next = { usable: 'all', all: 'data', data: 'done', done: 'done' } as const;
  for (let phase = phases[progress.phase]; phase !== null; phase = phases[progress.phase]) {
    await phase(run);
    if (options.signal?.aborted) {
      await run.save();
      return 'stopped';
    }
    progress.phase = next[progress.phase];
    progress.position = null;
    // `finishCopy` saves the phase `done` together with the end of the copy, so a copy in this phase is complete.
    if (progress.phase !== 'done') await run.save();
  }
  if (!(await deps.store.finishCopy(lease, progress, deps.now()))) throw new LeaseLostError();
  return 'finished';
}
