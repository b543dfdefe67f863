import type { IdentityPoolDescription } from './model.ts';

/** A user's identity at a provider. Within a pool, a login belongs to one identity only. */
export interface Login {
  provider: string;
  userId: string;
}

export interface StoredIdentity {
  identityId: string;
  identityPoolId: string;
  /** Epoch milliseconds. */
  createdAt: number;
  /** Epoch milliseconds of the last change of its logins. */
  modifiedAt: number;
  /** Epoch milliseconds of the last `markUsed`; null if there was none. */
  usedAt: number | null;
  /** The identity into which it was merged, itself never merged; null if it was not merged. */
  mergedInto: string | null;
  /** The providers of its logins, each once, sorted; empty for a guest. */
  providers: readonly string[];
}

/** An identity that was not merged into another one. */
export interface LivingIdentity {
  identityId: string;
  createdAt: number;
  /** Whether it has no logins. */
  isGuest: boolean;
}

/** The identity that a client asks for, and the logins that it presents. */
export interface LoginQuestion {
  identityPoolId: string;
  /** The identity that the client wants to act as; null if it wants to learn its identity. */
  asked: string | null;
  /** The identity that the client has proven to be; null if it proves none. */
  proven: string | null;
  /** Contains no login twice. */
  logins: readonly Login[];
}

/**
 * The stored state of what a question names. An identity that was merged is replaced by the one into which it was
 * merged.
 */
export interface FoundLogins {
  /** Null if no identity is asked for, or it is not in the pool. */
  asked: LivingIdentity | null;
  proven: LivingIdentity | null;
  owned: readonly { login: Login; owner: LivingIdentity }[];
  unowned: readonly Login[];
}

/** The decision on a question. */
export interface LinkDecision {
  /** The client's identity. */
  identityId: string;
  /** Whether the identity must be created. */
  isNew: boolean;
  /** Logins without an owner, to be linked to the identity. */
  link: readonly Login[];
  /** Identities to be merged into it, with their logins. */
  merge: readonly string[];
}

export interface LinkChange {
  question: LoginQuestion;
  /** The state on which the decision was made. */
  found: FoundLogins;
  decision: LinkDecision;
  /** Epoch milliseconds. */
  at: number;
}

/** The database operations of Cognito Identity. */
export interface IdentityStore {
  readPool(identityPoolId: string): Promise<IdentityPoolDescription | null>;
  /** Creates a pool with these settings only. Its id must be new. */
  createPool(pool: IdentityPoolDescription, createdAt: number): Promise<void>;
  /**
   * Writes the settings of a pool.
   * @returns false if they are no longer as in `before`; then nothing is written
   */
  changePool(before: IdentityPoolDescription, pool: IdentityPoolDescription): Promise<boolean>;
  /** Returns pools, sorted by id, after the id `after`. */
  listPools(options: { after: string; limit: number }): Promise<IdentityPoolDescription[]>;
  /**
   * Marks a pool as deleted. From then on no caller sees the pool, while its data is being deleted.
   * @param deletedAt epoch milliseconds
   * @returns whether there is anything to delete; false if the pool does not exist, or is already marked and has no
   *   data left
   */
  markDeleted(identityPoolId: string, deletedAt: number): Promise<boolean>;

  readIdentity(identityId: string): Promise<StoredIdentity | null>;
  /**
   * Returns a pool's identities, sorted by id, after the id `after`. `hideMerged` leaves out those that were merged.
   */
  listIdentities(options: {
    identityPoolId: string;
    after: string;
    limit: number;
    hideMerged: boolean;
  }): Promise<StoredIdentity[]>;
  /**
   * Creates an identity without logins, under a new id.
   * @returns false if the pool does not exist
   */
  createGuest(identity: { identityPoolId: string; identityId: string }, createdAt: number): Promise<boolean>;
  /**
   * Stores that an identity is in use.
   * @returns false if it does not exist
   */
  markUsed(identityId: string, at: number): Promise<boolean>;
  findLogins(question: LoginQuestion): Promise<FoundLogins>;
  /**
   * Writes a decision, and the merges whose datasets are to be copied, in one transaction.
   * @returns false if the state on which it was decided has changed; then nothing is written
   */
  applyLinks(change: LinkChange): Promise<boolean>;
}
