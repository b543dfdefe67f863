import { createPacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import {
  type Compared,
  compare,
  compareIdentity,
  type Difference,
  type IdentityComparison,
  listDatasets,
} from './compare-identity.ts';
import type { MoveStore, ReplicaIdentity } from './ports/move-store.ts';
import type { Origin, OriginIdentity, Page } from './ports/origin.ts';
import { createSkipReasons } from './skip-reasons.ts';

/** Identities per query. */
const PAGE = 100;
/** How long a difference may last before it counts: a write that is on its way through the stream is no difference. */
const IN_FLIGHT_MS = 30_000;
const PAUSE_MS = 1_000;
/** Maximum number of differences in memory. At this number, the comparison ends: a copy is needed, not a longer list. */
const MAX_DIFFERENCES = 1_000;

export interface VerifyDeps {
  origin: Origin;
  store: MoveStore;
  now: () => number;
  sleep: (ms: number) => Promise<unknown>;
  /** Returns numbers from 0 to below 1. */
  random: () => number;
  maxCallsPerSecond: number;
}

export interface VerifyOptions {
  identityPoolId: string;
  /** Number of identities to compare, chosen at random; null for all. */
  sample: number | null;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

export interface Verification {
  identities: number;
  datasets: number;
  differences: Difference[];
  /** Whether the signal stopped the comparison before its end. */
  isStopped: boolean;
  /** Whether the comparison ended early, because there are too many differences. */
  isCutShort: boolean;
}

/**
 * Compares the live values of the pool's identities with the origin. For identities that this service does not own,
 * also compares the sync counts. A difference counts only if it lasts 30 seconds. If the origin fails to return the
 * data of one identity or dataset, but returns the data of others, this counts as a difference too, because the data
 * could not be compared.
 *
 * @throws {SyncClientError} the origin did not respond
 */
export async function verifyPool(deps: VerifyDeps, options: VerifyOptions): Promise<Verification> {
  const { store, origin, now, sleep } = deps;
  const { identityPoolId, signal } = options;
  const { maxCallsPerSecond } = deps;
  const paced = createPacedCalls({ maxCallsPerSecond, now, sleep, signal });
  await paced(() => origin.readPool(identityPoolId));
  const skips = createSkipReasons(origin, store, identityPoolId);
  const run: VerifyRun = { deps, options, origin, store, paced, skips, identityPoolId, signal };
  const result = { identities: 0, datasets: 0, isStopped: false, isCutShort: false };
  const moved = await store.countIdentities(identityPoolId, 0);
  const total = Math.min(moved.identities, options.sample ?? moved.identities);
  const lasting: Difference[] = [];
  let found: Difference[] = [];
  const settle = async () => {
    lasting.push(...(await findLasting(run, found)));
    found = [];
    return lasting.length >= MAX_DIFFERENCES;
  };
  for await (const compared of comparisons(run)) {
    if (signal?.aborted) break;
    result.identities += compared.identities;
    result.datasets += compared.datasets;
    found.push(...compared.differences);
    if (compared.identities > 0) options.onProgress?.(result.identities, total);
    result.isCutShort = found.length >= MAX_DIFFERENCES && (await settle());
    if (result.isCutShort) break;
  }
  if (!signal?.aborted) await settle();
  const differences = [...lasting, ...found];
  if (signal?.aborted) return { ...result, differences, isStopped: true };
  await store.saveVerification(identityPoolId, { at: now(), differences: differences.length });
  return { ...result, differences };
}

/** Compares again until the differences are gone, or have lasted as long as a write may be in flight. */
async function findLasting(run: VerifyRun, found: Difference[]): Promise<Difference[]> {
  const { now, sleep } = run.deps;
  const until = now() + IN_FLIGHT_MS;
  let lasting = found;
  while (lasting.length > 0 && now() < until && !run.options.signal?.aborted) {
    await sleep(PAUSE_MS);
    lasting = await stillDifferent(run, lasting);
  }
  return lasting;
}

async function* comparisons(run: VerifyRun): AsyncGenerator<Compared> {
  const { sample } = run.options;
  if (sample === null) yield* findUnknown(run);
  for await (const identity of sample === null ? allMoved(run) : await choose(run, sample)) {
    yield await compareIdentity(run, identity);
  }
}

interface VerifyRun extends IdentityComparison {
  deps: VerifyDeps;
  options: VerifyOptions;
}

async function* allMoved({ deps, options }: VerifyRun): AsyncGenerator<ReplicaIdentity> {
  for (let after = ''; ; ) {
    const about = { after, limit: PAGE, startedAt: 0 };
    const page = await deps.store.listIdentities(options.identityPoolId, about);
    // The datasets of an identity that was merged here belong to another identity here, so they are not compared.
    yield* page.filter(({ isMoved, isMerged }) => isMoved && !isMerged);
    after = page.at(-1)?.identityId ?? after;
    if (page.length < PAGE) return;
  }
}

/** Chooses identities. Each has the same chance, in one pass over all (reservoir sampling). */
async function choose(run: VerifyRun, sample: number): Promise<ReplicaIdentity[]> {
  const chosen: ReplicaIdentity[] = [];
  let seen = 0;
  for await (const identity of allMoved(run)) {
    if (run.options.signal?.aborted) break;
    const place = seen < sample ? seen : Math.floor(run.deps.random() * (seen + 1));
    if (place < sample) chosen[place] = identity;
    seen += 1;
  }
  return chosen;
}

/**
 * Finds identities of the origin that have data and never came here. An identity without data comes here with its first
 * event, or with the next copy. A sample does not look for these identities.
 */
async function* findUnknown(run: VerifyRun): AsyncGenerator<Compared> {
  const { origin, store, paced, identityPoolId, signal } = run;
  for (let token: string | null = null; !signal?.aborted; ) {
    const about: { hideDisabled: boolean; token: string | null } = { hideDisabled: true, token };
    const page: Page<OriginIdentity> = await paced(() => origin.listIdentities(identityPoolId, about));
    const ids = page.items.map(({ identityId }) => identityId);
    const differences: Difference[] = [];
    for (const identityId of await store.unknownOf(identityPoolId, ids)) {
      if (signal?.aborted) break;
      const datasets = await listDatasets(run, { identityPoolId, identityId });
      if (datasets?.length === 0) continue;
      const kind = datasets === null ? 'unreadable' : 'identity-not-here';
      differences.push({ identityId, datasetName: null, kind, records: 0, isTakenOver: false });
    }
    yield { identities: 0, datasets: 0, differences };
    token = page.next;
    if (token === null) break;
  }
}

async function stillDifferent(run: VerifyRun, differences: readonly Difference[]): Promise<Difference[]> {
  const { store, identityPoolId, signal } = run;
  const still: Difference[] = [];
  for (const difference of differences) {
    const { identityId, datasetName, kind, isTakenOver } = difference;
    if (signal?.aborted) return [...differences];
    if (datasetName !== null) {
      const again = await compare(run, { identityPoolId, identityId }, datasetName, isTakenOver);
      if (again) still.push(again);
    } else if (kind === 'unreadable') {
      const state = isTakenOver ? 'kept' : 'replica';
      still.push(...(await compareIdentity(run, { identityId, state })).differences);
    } else if ((await store.unknownOf(identityPoolId, [identityId])).length > 0) still.push(difference);
  }
  return still;
}
