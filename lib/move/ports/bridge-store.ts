import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { Mark } from '../../sync/ports/mark.ts';
import type { Memory } from '../bridge-memory.ts';
import type { Agreed, BothSides, Pending, Side } from '../bridge-state.ts';
import type { Plan } from '../decide.ts';
import type { IdentityLease } from './take-over-store.ts';

/** What a pass has read about a dataset at the origin. */
export interface ReadThere {
  there: Side;
  isDeletedThere: boolean;
  isMergedThere: boolean;
  /** Keys of rows that SQL text cannot store. They are not bridged. */
  unstorableKeys: readonly string[];
}

/** What one transaction decided and wrote here. */
export interface Decided {
  plan: Plan;
  given: BothSides;
  saved: Memory;
  /** The dataset's count after the transaction. */
  syncCount: number;
  outboxIds: string[];
  /** Whether the dataset has changed and a device subscribes to it. */
  subscribed: boolean;
}

/** A decided conflict. It contains a key, but no value. */
export interface ListedConflict {
  identityId: string;
  datasetName: string;
  key: string | null;
  kind: string;
  winner: string;
  hereMs: number | null;
  thereMs: number | null;
  decidedAt: number;
}

/**
 * `datasets`: datasets that were compared with the origin since the takeover of their identity. `marks`: datasets that
 * wait for the bridge. `byProblem`: the marks whose last attempt failed, by the reason. `owedKeys`: keys that must
 * still be written at the origin.
 */
export interface BridgeCounts {
  datasets: number;
  marks: number;
  owedKeys: number;
  problems: number;
  byProblem: Record<string, number>;
  conflicts: number;
}

/** A dataset that waits for the bridge. `problem`: why the last attempt failed; null before a failure. */
export interface WaitingDataset {
  identityId: string;
  datasetName: string;
  problem: string | null;
}

/** The database operations of the bridge. */
export interface BridgeStore {
  /** Lists the marks of datasets that wait for the bridge and are due at `now`, oldest first. */
  listDue(now: number, limit: number): Promise<Mark[]>;
  /** Removes a mark, unless a newer one has replaced it. */
  removeMark(mark: Mark): Promise<void>;
  /** Saves why a dataset could not be bridged, and when to try again. */
  postpone(mark: Mark, about: { until: number; problem: string | null }): Promise<void>;
  /** Saves the date of a write that an old version of the app made at the origin, unless a later date is saved. */
  saveOldWrite(identityPoolId: string, at: number): Promise<void>;
  /** Marks datasets of a pool, so that the next run reads them. */
  mark(identityPoolId: string, datasets: readonly DatasetKey[]): Promise<void>;
  /**
   * Counts the unfinished work of the bridge for a pool, and the decided conflicts.
   * @param maxRows if given, only so many marks and conflicts are counted, and the datasets and keys of so many identities
   */
  count(identityPoolId: string, maxRows?: number): Promise<BridgeCounts>;
  /** Returns the time by which marks are dated, epoch milliseconds. */
  readMarkClock(): Promise<number>;
  /** Counts the datasets that were marked before a time of `readMarkClock`, or whose last attempt failed. */
  countOlder(identityPoolId: string, since: number): Promise<number>;
  /** Lists the datasets that were marked at a time of `readMarkClock` or later, and whose last attempt did not fail. */
  listMarkedSince(identityPoolId: string, about: { since: number; limit: number }): Promise<DatasetKey[]>;
  /** Lists datasets of a pool that wait for the bridge. */
  listWaiting(identityPoolId: string, limit: number): Promise<WaitingDataset[]>;
  /**
   * Takes the lease of an identity that this service owns.
   * @returns `not owned` if this service does not own the identity, or the identity never came from the origin
   */
  claim(
    identity: IdentityKey,
    about: { now: number; until: number },
  ): Promise<IdentityLease | 'busy' | 'not owned'>;
  renew(lease: IdentityLease, until: number): Promise<boolean>;
  release(lease: IdentityLease): Promise<void>;
  /** Returns what earlier passes saved about a dataset. */
  readMemory(dataset: DatasetKey): Promise<{ agreed: Agreed; pending: Map<string, Pending> }>;
  /** Returns whether an identity exists here and this service has taken it over. */
  isOwned(identity: IdentityKey): Promise<boolean>;
  /**
   * Reads the dataset here, decides, writes here, and saves what must be written at the origin, in one transaction. If
   * the plan is complete and nothing must be written at the origin, the transaction removes the mark. If the pool was
   * deleted here, nothing is decided: the origin keeps the data that was deleted with a pool. If the migration was
   * finished, nothing is decided either, and the mark remains.
   * @returns null if the lease was lost; then nothing is written
   */
  decide(lease: IdentityLease, mark: Mark, about: ReadThere & { at: number }): Promise<Decided | null>;
  /**
   * Saves what was written at the origin, and removes the mark if the pass is done.
   * @returns false if the lease was lost; then nothing is written
   */
  settle(
    lease: IdentityLease,
    mark: Mark,
    about: Memory & { isDone: boolean; conflict: boolean; at: number },
  ): Promise<boolean>;
  /** If the identity was deleted here, deletes its conflicts and the `Pending` of these datasets: both contain keys. */
  forgetDeleted(identity: IdentityKey, datasets: readonly DatasetKey[]): Promise<void>;
  /** Lists decided conflicts of a pool, oldest first. `after`: the `next` of the previous page. */
  listConflicts(
    identityPoolId: string,
    about: { after: string | null; limit: number },
  ): Promise<{ conflicts: ListedConflict[]; next: string | null }>;
}
