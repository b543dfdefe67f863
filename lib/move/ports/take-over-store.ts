import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import type { OriginIdentity } from './origin.ts';

/** The exclusive right of a process to work on an identity, for a limited time. */
export interface IdentityLease {
  identity: IdentityKey;
  leaseId: string;
}

/**
 * Who owns an identity. `origin`: the identity is a replica. `us`: this service has taken the identity over, or the
 * identity was created here. `unknown`: no such identity exists here, or it was never taken over and was merged here.
 */
export type IdentityOwner = 'origin' | 'us' | 'unknown';

/** How clients can use a replica, as stored here. */
export interface ReplicaState {
  /** Names of the providers at which the identity has logins. */
  providers: readonly string[];
  /** Whether no client can use the identity. */
  isDisabled: boolean;
}

/** The database operations of takeovers. */
export interface TakeOverStore {
  /** Returns the pools that are being migrated, with the name of their origin and the start of their last copy. */
  listMoving(): Promise<{ identityPoolId: string; origin: string; startedAt: number }[]>;
  /** Returns who owns the identities, in the order of `identities`. */
  ownersOf(identities: readonly IdentityKey[]): Promise<IdentityOwner[]>;
  /** Returns the state of an identity; null if it does not exist here, or was merged here. */
  readReplica(identity: IdentityKey): Promise<ReplicaState | null>;
  /**
   * Gives the replica the providers that the identity has at the origin, and sets whether clients can use it.
   * @returns false if the lease was lost, or the identity was deleted; then nothing is written
   */
  changeReplica(
    lease: IdentityLease,
    about: {
      described: OriginIdentity;
      isDisabled: boolean;
      developerProvider: string | undefined;
      now: number;
    },
  ): Promise<boolean>;
  /** @returns the name of the pool's developer provider; undefined if it has none */
  developerProviderOf(identityPoolId: string): Promise<string | undefined>;
  /**
   * Takes the lease of a replica.
   * @returns `busy` if another process has the lease. `ours` if this service owns the identity, or the identity is unknown
   */
  claim(
    identity: IdentityKey,
    about: { now: number; until: number },
  ): Promise<IdentityLease | 'busy' | 'ours'>;
  /** Extends a lease. @returns false if the lease was lost */
  renew(lease: IdentityLease, until: number): Promise<boolean>;
  /**
   * Makes this service the owner of the identity and ends the lease, in one transaction. The transaction also raises the
   * counts of the identity's existing datasets by `countJump`, and stores the earlier counts as the agreed
   * counts. It marks these datasets, so that the bridge compares them again.
   *
   * @returns false if the lease was lost, or the identity was deleted; then nothing is written
   * @throws {TooManyDatasetsError} nothing is written
   */
  finish(lease: IdentityLease, about: { at: number; countJump: number }): Promise<boolean>;
  release(lease: IdentityLease): Promise<void>;
  /**
   * Ends the use of a guest by its id, because the identity is no longer a guest at the origin. Changes nothing if the
   * identity is not a guest here.
   * @param about `providers`: those of the identity at the origin; none if the identity was merged there. `at`: epoch
   *   milliseconds
   */
  endGuest(identity: IdentityKey, about: { providers: readonly string[]; at: number }): Promise<void>;
  /**
   * Stores that a dataset of an identity that this service owns was deleted at the origin.
   * @param about `syncCount`: the count of the deletion. `at`: its date, epoch milliseconds
   * @returns false if the dataset exists here, or this service does not own the identity; then nothing is written
   */
  keepDeletion(dataset: DatasetKey, about: { syncCount: number; at: number }): Promise<boolean>;
}

/** An identity has more datasets than the database can take over in one transaction. */
export class TooManyDatasetsError extends Error {
  override name = 'TooManyDatasetsError';

  constructor(datasets: number, max: number) {
    super(
      `the identity has ${datasets} datasets, but on Aurora DSQL, an identity that is taken over can have at most ${max}; delete some of the datasets at the origin`,
    );
  }
}
