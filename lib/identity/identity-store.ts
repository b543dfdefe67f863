import type { IdentityPoolDescription } from './model.ts';

/** Who somebody is to a provider. One login is one identity's of a pool. */
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
  /** The identity that it has become part of, which stands for itself; null while it does so itself. */
  mergedInto: string | null;
  /** Of its logins, each once, sorted. A guest has none. */
  providers: readonly string[];
}

/** An identity that stands for itself. */
export interface LivingIdentity {
  identityId: string;
  createdAt: number;
  /** It has no logins. */
  isGuest: boolean;
}

/** What a client asks for and what it shows for it. */
export interface LoginQuestion {
  identityPoolId: string;
  /** The identity it wants to be; null where it wants to learn which one it is. */
  asked: string | null;
  /** An identity that it has proved to be; null where it proves none. */
  proven: string | null;
  /** No two are the same. */
  logins: readonly Login[];
}

/** What is stored of what a question names. Of an identity that has become part of another one, that other one. */
export interface FoundLogins {
  /** Null where none is asked for, or it is not in the pool. */
  asked: LivingIdentity | null;
  proven: LivingIdentity | null;
  owned: readonly { login: Login; owner: LivingIdentity }[];
  unowned: readonly Login[];
}

/** What comes of a question. */
export interface LinkDecision {
  /** Who the client is. */
  identityId: string;
  /** There is no such identity yet. */
  isNew: boolean;
  /** Logins that nobody has, to be its own. */
  link: readonly Login[];
  /** Identities to become part of it, with their logins. */
  merge: readonly string[];
}

export interface LinkChange {
  question: LoginQuestion;
  /** What the decision was made on. */
  found: FoundLogins;
  decision: LinkDecision;
  /** Epoch milliseconds. */
  at: number;
}

/** What the operations of Cognito Identity need of a database. */
export interface IdentityStore {
  readPool(identityPoolId: string): Promise<IdentityPoolDescription | null>;
  /** Makes a pool for which nothing but this is set. Its id is a new one. */
  createPool(pool: IdentityPoolDescription, createdAt: number): Promise<void>;
  /** Writes what is set for a pool; says whether it was still as it was `before`. */
  changePool(before: IdentityPoolDescription, pool: IdentityPoolDescription): Promise<boolean>;
  /** Pools by id, from after the id `after`. */
  listPools(options: { after: string; limit: number }): Promise<IdentityPoolDescription[]>;
  /**
   * Marks a pool as deleted: from then on it is not there for anybody, while what is kept of it goes.
   * @param deletedAt epoch milliseconds
   * @returns whether there is anything to delete: false where there is no such pool, or nothing is left of one that is
   *   marked already
   */
  markDeleted(identityPoolId: string, deletedAt: number): Promise<boolean>;

  readIdentity(identityId: string): Promise<StoredIdentity | null>;
  /** A pool's identities by id, from after the id `after`; without those that have been merged, if so told. */
  listIdentities(options: {
    identityPoolId: string;
    after: string;
    limit: number;
    hideMerged: boolean;
  }): Promise<StoredIdentity[]>;
  /** Makes an identity without logins, of a new id; says whether the pool is there. */
  createGuest(identity: { identityPoolId: string; identityId: string }, createdAt: number): Promise<boolean>;
  findLogins(question: LoginQuestion): Promise<FoundLogins>;
  /**
   * Writes what was decided, and that the datasets of merged identities are to be copied, in one transaction.
   * @returns false where it was decided on what is not so any more, and nothing was written
   */
  applyLinks(change: LinkChange): Promise<boolean>;
}
