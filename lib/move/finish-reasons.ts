import type { Difference } from './compare-identity.ts';
import type { Named } from './named.ts';
import type { NewlyMarked } from './only-changed-here.ts';
import type { BridgeStore } from './ports/bridge-store.ts';
import type { FinishStore } from './ports/finish-store.ts';
import type { TakeOverDeps } from './take-over.ts';
import { replicasIn } from './take-over-pool.ts';

/** What must be read to decide whether a migration can be finished. */
export interface FinishReads extends Pick<TakeOverDeps, 'takeOvers' | 'store' | 'now'> {
  bridge: Pick<
    BridgeStore,
    'count' | 'countOlder' | 'listMarkedSince' | 'listWaiting' | 'readMarkClock' | 'readMemory'
  >;
  finishes: FinishStore;
}

/**
 * Why a migration is not finished. `not-followed`: events of the origin are not applied yet, so the last write there is
 * unknown. `not-quiet`: an old version of the app wrote at the origin too recently. `unknown-logins`: users whose
 * logins were never used here would get new identities. `replicas`: identities could not be taken over. `waiting`:
 * datasets wait for the bridge. `origin`: the origin did not respond. `busy`: a copy is in progress, another process
 * works on an identity, or an identity was created in the meantime.
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

/** Maximum age of the time up to which all events are applied. The follower saves this time about every two minutes. */
const MAX_FOLLOW_LAG_MS = 10 * 60_000;

/**
 * Returns the reasons that the state of the pool itself gives.
 * @param about `lastOldWrite`: the last write of an old version that was known when the command started. A later write
 *   may have changed what the command has already read, so it prevents the end of the migration even if `quietForMs` is
 *   0
 */
export async function stateReasons(
  { store, now }: FinishReads,
  {
    identityPoolId,
    quietForMs,
    lastOldWrite,
  }: { identityPoolId: string; quietForMs: number; lastOldWrite: number | null },
): Promise<FinishReason[]> {
  const at = now();
  const pool = await store.readPool(identityPoolId, at);
  if (pool === null) return ['copy-incomplete'];
  const reasons: FinishReason[] = [];
  if (pool.progress.phase !== 'done' || pool.copiedAt === null) reasons.push('copy-incomplete');
  if (pool.gapSince !== null) reasons.push('events-missing');
  if (at - (pool.caughtUpTo ?? 0) > MAX_FOLLOW_LAG_MS) reasons.push('not-followed');
  // If no write is known, there was none since the start of the last copy: all events since then are known.
  const isQuiet = at - (pool.lastOldWrite ?? pool.startedAt) >= quietForMs;
  if (!isQuiet || pool.lastOldWrite !== lastOldWrite) reasons.push('not-quiet');
  if (pool.lease !== null) reasons.push('busy');
  return reasons;
}

/**
 * Returns the reasons that remain after the takeovers and the comparison.
 * @param about `differences`: null if both sides were not compared. `newLogins`: the identities with new logins at the
 *   origin that `countUnknownLogins` does not count. `newlyMarked`: null if datasets that were marked during the command
 *   were not read at the origin. `isDryRun`: whether no identity was taken over
 */
export async function reasonsLeft(
  deps: FinishReads,
  {
    identityPoolId,
    isDryRun,
    differences,
    newLogins,
    newlyMarked,
  }: {
    identityPoolId: string;
    isDryRun: boolean;
    differences: readonly Difference[] | null;
    newLogins: Named<string>;
    newlyMarked: NewlyMarked | null;
  },
): Promise<FinishReason[]> {
  const { bridge, finishes } = deps;
  const unknownLogins = newLogins.total + (await finishes.countUnknownLogins(identityPoolId));
  return [
    // The command itself takes replicas over, so a dry run does not report them as a reason.
    ...(!isDryRun && (await countReplicas(deps, identityPoolId)) > 0 ? (['replicas'] as const) : []),
    ...((await isWaiting(bridge, identityPoolId, newlyMarked)) ? (['waiting'] as const) : []),
    ...(differences !== null && differences.length > 0 ? (['differences'] as const) : []),
    ...(unknownLogins > 0 ? (['unknown-logins'] as const) : []),
  ];
}

/**
 * Returns whether datasets wait for the bridge. While devices use this service, each of their changes makes a dataset
 * wait for about a second. A dataset that waits only because of such a change does not count: the change is here, and
 * only the origin lacks it.
 */
async function isWaiting(
  bridge: FinishReads['bridge'],
  identityPoolId: string,
  newlyMarked: NewlyMarked | null,
): Promise<boolean> {
  const { marks, owedKeys } = await bridge.count(identityPoolId);
  if (newlyMarked === null) return marks > 0 || owedKeys > 0;
  // The bridge writes keys at the origin only while their dataset is marked. Without any mark, the owed keys would
  // never be written.
  if (newlyMarked.others > 0 || (owedKeys > 0 && marks === 0)) return true;
  return (await bridge.countOlder(identityPoolId, newlyMarked.since)) > 0;
}

/**
 * Counts the replicas. `countIdentities` cannot do this: it also counts identities that were merged here before a
 * takeover, and these are no replicas.
 */
export async function countReplicas(deps: FinishReads, identityPoolId: string): Promise<number> {
  let count = 0;
  for await (const replicas of replicasIn(deps, { identityPoolId, identityId: null }))
    count += replicas.length;
  return count;
}
