import type { IdentityKey } from '../../common/dataset-key.ts';
import type { IdentityPoolDescription, RoleSettings } from '../model.ts';

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
  /** Epoch milliseconds of the last change of the identity's logins. */
  modifiedAt: number;
  /** Epoch milliseconds of the last call of `markUsed`; null if there was no call. */
  usedAt: number | null;
  /**
   * Epoch milliseconds at which a login of the identity was last unlinked; null if no login was. An identity without
   * logins is a guest only if no login was unlinked. Otherwise it is inaccessible.
   */
  unlinkedAt: number | null;
  /**
   * The identity into which this identity was merged; null if this identity was not merged. That identity itself was
   * never merged.
   */
  mergedInto: string | null;
  /**
   * The providers of the identity's logins, each once, sorted; empty for a guest and for an inaccessible identity. For
   * a copied identity, this includes the providers of the logins that only the origin knows.
   */
  providers: readonly string[];
}

/** An identity that was not merged into another identity. */
export interface LivingIdentity {
  identityId: string;
  createdAt: number;
  /** Whether the identity never had a login. */
  isGuest: boolean;
  /** Whether all logins of the identity were unlinked. Such an identity is inaccessible. */
  isUnlinked: boolean;
  /** When a login of the identity was last unlinked, epoch milliseconds; null if no login was unlinked. */
  unlinkedAt: number | null;
  /** The providers of the identity's logins, sorted, as in `StoredIdentity`. A provider occurs once per login. */
  providers: readonly string[];
  /** The providers of the logins that only the origin of a migration knows; a subset of `providers`. */
  copied: readonly string[];
}

/** The identity that a client asks for, and the logins that it presents. */
export interface LoginQuestion {
  identityPoolId: string;
  /** The identity that the client wants to act as; null if the client wants to learn its identity. */
  asked: string | null;
  /** The identity that the client has proven to be; null if the client has proven no identity. */
  proven: string | null;
  /** When the proof was issued, epoch milliseconds. Null or absent if the client has proven no identity. */
  provenAt?: number | null;
  /** The logins that the client presents. No login occurs twice. */
  logins: readonly Login[];
  /** The identity to which the logins belong at the origin of a migration. Null or absent if the origin was not asked. */
  named?: string | null;
}

/**
 * The stored state of the identities and logins that a `LoginQuestion` names. An identity that was merged is replaced
 * by the identity into which it was merged.
 */
export interface FoundLogins {
  /** Null if the client asks for no identity, or the requested identity is not in the pool. */
  asked: LivingIdentity | null;
  proven: LivingIdentity | null;
  /** Absent if the origin was not asked. Null if the identity was deleted here. */
  named?: LivingIdentity | null;
  owned: readonly { login: Login; owner: LivingIdentity }[];
  unowned: readonly Login[];
}

/** The answer to a `LoginQuestion`: the client's identity, and the changes to write. */
export interface LinkDecision {
  /** The client's identity. */
  identityId: string;
  /** Whether the identity must be created. */
  isNew: boolean;
  /** Logins that belong to no identity yet. They are linked to the client's identity. */
  link: readonly Login[];
  /** Identities that are merged, with their logins, into the client's identity. */
  merge: readonly string[];
  /**
   * Providers whose users this service knows from now on, although a migration copied the client's identity without
   * these users. Default: none.
   */
  known?: readonly string[];
  /** Logins of the client's identity to unlink. Absent for all other decisions. If present, nothing else is written. */
  unlink?: UnlinkedLogins;
}

/** Logins to unlink: these logins, and all logins of these providers. Logins that are not linked are ignored. */
export interface UnlinkedLogins {
  logins: readonly Login[];
  providers: readonly string[];
}

export interface LinkChange {
  question: LoginQuestion;
  /** The state on which the decision was made. */
  found: FoundLogins;
  decision: LinkDecision;
  /** Time of the change in epoch milliseconds. */
  at: number;
}

/** The database operations of Cognito Identity. */
export interface IdentityStore {
  readPool(identityPoolId: string): Promise<IdentityPoolDescription | null>;
  /** Creates a pool that has only these settings: no stream and no sync trigger. The pool's id must be new. */
  createPool(pool: IdentityPoolDescription, createdAt: number): Promise<void>;
  /**
   * Writes the settings of a pool.
   * @returns false if the stored settings are no longer those in `before`; then nothing is written
   */
  changePool(before: IdentityPoolDescription, pool: IdentityPoolDescription): Promise<boolean>;
  /** Returns the pool's role settings, which are empty at first; null if the pool does not exist. */
  readRoleSettings(identityPoolId: string): Promise<RoleSettings | null>;
  /**
   * Changes the pool's role settings in one transaction.
   * @param change returns the new settings
   * @returns false if the pool does not exist
   */
  changeRoleSettings(
    identityPoolId: string,
    change: (before: RoleSettings) => RoleSettings,
  ): Promise<boolean>;
  /** Returns the pools whose ids follow the id `after`, sorted by id. */
  listPools(options: { after: string; limit: number }): Promise<IdentityPoolDescription[]>;
  /**
   * Marks a pool as deleted. From then on, callers do not see the pool, even while its data is still being deleted.
   * @param deletedAt epoch milliseconds
   * @returns whether there is anything to delete; false if the pool does not exist, or is already marked and has no
   *   data left
   */
  markDeleted(identityPoolId: string, deletedAt: number): Promise<boolean>;

  readIdentity(identityId: string): Promise<StoredIdentity | null>;
  /**
   * Returns the identities of a pool whose ids follow the id `after`, sorted by id. If `hideDisabled` is true, leaves out
   * the identities that were merged or are inaccessible.
   */
  listIdentities(options: {
    identityPoolId: string;
    after: string;
    limit: number;
    hideDisabled: boolean;
  }): Promise<StoredIdentity[]>;
  /**
   * Creates an identity without logins, under a new id.
   * @returns false if the pool does not exist
   */
  createGuest(identity: { identityPoolId: string; identityId: string }, createdAt: number): Promise<boolean>;
  /**
   * Records that an identity is in use.
   * @returns false if the identity does not exist
   */
  markUsed(identityId: string, at: number): Promise<boolean>;
  /**
   * Returns the identity's users at a provider, in the store's own order.
   * @param options `after`: the `position` of the last user of the previous page; null for the first page
   */
  listUsers(options: {
    identityId: string;
    provider: string;
    after: string | null;
    limit: number;
  }): Promise<{ userId: string; position: string }[]>;
  findLogins(question: LoginQuestion): Promise<FoundLogins>;
  /**
   * Writes a decision in one transaction. The same transaction records each merge as pending, because the datasets of
   * the merged identity must still be moved.
   * @returns false if the state on which the decision was made has changed; then nothing is written
   */
  applyLinks(change: LinkChange): Promise<boolean>;
  /**
   * Removes an identity with its logins, and the identities that were merged into it. From then on, their credentials and
   * tokens are rejected. Their data still has to be deleted. If there are many merged identities, several transactions
   * are necessary. The first transaction removes the identity itself. After a crash, the next call continues.
   *
   * @param at epoch milliseconds
   * @returns the identities whose data must be deleted; none if the identity was deleted earlier, with all its data.
   *   `unknown` if there is no such identity. `merging` if the identity was merged into another identity, and its
   *   datasets may still be moved to that identity; then nothing is removed.
   */
  deleteIdentity(identityId: string, at: number): Promise<IdentityKey[] | 'unknown' | 'merging'>;
}
