import { createPacedCalls, type PacedCalls } from '../backfill/reconcile/reconcile-calls.ts';
import type { IdentityKey } from '../common/dataset-key.ts';
import { compareDataset, type DatasetDifference } from './compare-dataset.ts';
import type { MoveStore, ReplicaIdentity } from './ports/move-store.ts';
import type { Origin, OriginIdentity, Page } from './ports/origin.ts';

/** Identities per query. */
const PAGE = 100;
/** How long a difference may last before it counts: a write that is on its way through the stream is no difference. */
const IN_FLIGHT_MS = 30_000;
const PAUSE_MS = 1_000;

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

/** A difference, named by ids. It never contains a value. */
export interface Difference {
  identityId: string;
  /** Null if the identity does not exist here. */
  datasetName: string | null;
  kind: DatasetDifference['kind'] | 'identity-not-here';
  /** Number of keys whose live values differ. */
  records: number;
  /** Whether this service owns the identity. */
  isTakenOver: boolean;
}

export interface Verification {
  identities: number;
  datasets: number;
  differences: Difference[];
  /** Whether the signal stopped the comparison before its end. */
  isStopped: boolean;
}

/**
 * Compares the live values of the pool's identities with the origin, and the sync counts of those that this service does
 * not own. A difference counts only if it lasts 30 seconds.
 *
 * @throws {SyncClientError} the origin did not respond
 */
export async function verifyPool(deps: VerifyDeps, options: VerifyOptions): Promise<Verification> {
  const { store, origin, now, sleep } = deps;
  const { identityPoolId, signal } = options;
  const { maxCallsPerSecond } = deps;
  const paced = createPacedCalls({ maxCallsPerSecond, now, sleep, signal });
  await paced(() => origin.readPool(identityPoolId));
  const run: VerifyRun = { deps, options, paced };
  const result: Verification = { identities: 0, datasets: 0, differences: [], isStopped: false };
  const moved = await store.countIdentities(identityPoolId, 0);
  const total = Math.min(moved.identities, options.sample ?? moved.identities);
  let differences = await findUnknown(run);
  for await (const identity of options.sample === null ? allMoved(run) : await choose(run, options.sample)) {
    if (signal?.aborted) return { ...result, differences, isStopped: true };
    const compared = await compareIdentity(run, identity);
    result.identities += 1;
    result.datasets += compared.datasets;
    differences.push(...compared.differences);
    options.onProgress?.(result.identities, total);
  }
  const until = now() + IN_FLIGHT_MS;
  while (differences.length > 0 && now() < until && !signal?.aborted) {
    await sleep(PAUSE_MS);
    differences = await stillDifferent(run, differences);
  }
  if (signal?.aborted) return { ...result, differences, isStopped: true };
  await store.saveVerification(identityPoolId, { at: now(), differences: differences.length });
  return { ...result, differences };
}

interface VerifyRun {
  deps: VerifyDeps;
  options: VerifyOptions;
  paced: PacedCalls;
}

async function* allMoved({ deps, options }: VerifyRun): AsyncGenerator<ReplicaIdentity> {
  for (let after = ''; ; ) {
    const about = { after, limit: PAGE, startedAt: 0 };
    const page = await deps.store.listIdentities(options.identityPoolId, about);
    yield* page.filter(({ isMoved }) => isMoved);
    after = page.at(-1)?.identityId ?? after;
    if (page.length < PAGE) return;
  }
}

/** Chooses identities. Each has the same chance, in one pass over all (reservoir sampling). */
async function choose(run: VerifyRun, sample: number): Promise<ReplicaIdentity[]> {
  const chosen: ReplicaIdentity[] = [];
  let seen = 0;
  for await (const identity of allMoved(run)) {
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
async function findUnknown({ deps, options, paced }: VerifyRun): Promise<Difference[]> {
  if (options.sample !== null) return [];
  const { identityPoolId, signal } = options;
  const found: Difference[] = [];
  for (let token: string | null = null; !signal?.aborted; ) {
    const about: { hideDisabled: boolean; token: string | null } = { hideDisabled: true, token };
    const page: Page<OriginIdentity> = await paced(() => deps.origin.listIdentities(identityPoolId, about));
    const ids = page.items.map(({ identityId }) => identityId);
    for (const identityId of await deps.store.unknownOf(identityPoolId, ids)) {
      const datasets = await paced(() => deps.origin.listDatasets({ identityPoolId, identityId }));
      if (datasets.length === 0) continue;
      found.push({
        identityId,
        datasetName: null,
        kind: 'identity-not-here',
        records: 0,
        isTakenOver: false,
      });
    }
    token = page.next;
    if (token === null) break;
  }
  return found;
}

async function compareIdentity(
  run: VerifyRun,
  { identityId, state }: ReplicaIdentity,
): Promise<{ datasets: number; differences: Difference[] }> {
  const { deps, options, paced } = run;
  const key = { identityPoolId: options.identityPoolId, identityId };
  const listed = await paced(() => deps.origin.listDatasets(key));
  const known = await deps.store.readDatasets(key);
  const names = new Set([
    ...listed.map(({ datasetName }) => datasetName),
    ...known.flatMap(({ datasetName, exists }) => (exists ? [datasetName] : [])),
  ]);
  const differences: Difference[] = [];
  for (const datasetName of names) {
    const difference = await compare(run, key, datasetName, state === 'kept');
    if (difference) differences.push(difference);
  }
  return { datasets: names.size, differences };
}

async function compare(
  { deps, paced }: VerifyRun,
  identity: IdentityKey,
  datasetName: string,
  isTakenOver: boolean,
): Promise<Difference | null> {
  const key = { ...identity, datasetName };
  const listing = await paced(() => deps.origin.listRecords(key));
  const difference = compareDataset(await deps.store.readDataset(key), listing, !isTakenOver);
  if (difference === null) return null;
  const records = difference.kind === 'values' ? difference.records : 0;
  return { identityId: identity.identityId, datasetName, kind: difference.kind, records, isTakenOver };
}

async function stillDifferent(run: VerifyRun, differences: readonly Difference[]): Promise<Difference[]> {
  const { deps, options } = run;
  const { identityPoolId } = options;
  const still: Difference[] = [];
  for (const difference of differences) {
    const { identityId, datasetName, isTakenOver } = difference;
    if (datasetName === null) {
      if ((await deps.store.unknownOf(identityPoolId, [identityId])).length > 0) still.push(difference);
      continue;
    }
    const again = await compare(run, { identityPoolId, identityId }, datasetName, isTakenOver);
    if (again) still.push(again);
  }
  return still;
}
