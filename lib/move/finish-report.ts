import type { Difference } from './compare-identity.ts';
import { countReplicas, type FinishReads, type FinishReason } from './finish-reasons.ts';
import { NAMED, type Named } from './named.ts';
import type { NewlyMarked } from './only-changed-here.ts';
import type { BridgeCounts, WaitingDataset } from './ports/bridge-store.ts';
import type { TakeOverProblem } from './take-over-pool.ts';

/** The unfinished work of a migration. Finishing deletes none of this data. */
interface LeftOver {
  /** Identities that are replicas. */
  replicas: number;
  /** Problems of the comparisons that precede takeovers, and identities that could not be taken over. */
  notTakenOver: TakeOverProblem[];
  bridge: BridgeCounts;
  /** Some of the datasets that wait for the bridge. */
  waiting: WaitingDataset[];
  /** Null if the pool was not compared with the origin. */
  differences: Difference[] | null;
  /** Number of identities with a login at the origin that is unknown here. */
  unknownLogins: number;
  /** Ids of some of these identities. */
  unknownLoginIdentities: string[];
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

/** What one call has done and found so far. */
export interface Found {
  takenOver: number;
  uncompared: number;
  notTakenOver: TakeOverProblem[];
  differences: Difference[] | null;
  /** Ids of the identities with new logins at the origin that `countUnknownLogins` does not count. */
  newLogins: Named<string>;
  /** Null until the newly marked datasets are read at the origin. */
  newlyMarked: NewlyMarked | null;
}

/** Describes the state of the migration, and what the call has done. */
export async function describeFinish(
  deps: FinishReads,
  identityPoolId: string,
  { takenOver, uncompared, notTakenOver, differences, newLogins }: Found,
): Promise<Omit<FinishReport, 'outcome' | 'reasons'>> {
  const { store, bridge, finishes, now } = deps;
  const pool = await store.readPool(identityPoolId, now());
  const stored = await finishes.listUnknownLogins(identityPoolId, NAMED);
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
      unknownLogins: newLogins.total + (await finishes.countUnknownLogins(identityPoolId)),
      unknownLoginIdentities: [...newLogins.items, ...stored].slice(0, NAMED),
    },
  };
}
