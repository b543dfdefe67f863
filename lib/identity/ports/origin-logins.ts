import type { IdentityPoolDescription, Logins } from '../model.ts';
import type { OpenedOpenIdToken } from '../open-id-token.ts';
import type { StoredIdentity } from './identity-store.ts';

/** The operation that a client calls. The origin is asked with the same operation. */
export type AskedOperation = 'GetId' | 'GetOpenIdToken' | 'GetCredentialsForIdentity';

/** Logins to present to the origin. This service has verified all of them. */
export interface PresentedToOrigin {
  pool: IdentityPoolDescription;
  operation: AskedOperation;
  /** The identity that the client asks for; null if it wants to learn its identity. */
  identityId: string | null;
  logins: Logins;
  /** The providers of the logins that belong to no identity here. */
  unknown: readonly string[];
}

/** An identity that is unknown here, and the client's proof. */
export interface UnknownToFind {
  identityId: string;
  /** The logins that the client presents; none for a guest. */
  logins: Logins;
  /** The ids of the pools that can have the identity: this service has verified the logins in each of these pools. */
  pools: readonly string[];
}

/**
 * The service from which pools are being migrated. Only this service, the origin, knows to which users the logins of
 * copied identities belong. If the origin does not respond or throttles, every method throws {ServiceError}
 * InternalErrorException, which clients retry. A client therefore never receives a new identity because the origin is
 * unreachable.
 */
export interface OriginLogins {
  /** Returns the ids of the pools that are being migrated. */
  listMoving(): Promise<string[]>;
  /** Returns whether a pool is being migrated. */
  isMoving(identityPoolId: string): Promise<boolean>;
  /**
   * Presents logins to the origin, which names the identity to which they belong. Creates this identity here if it is
   * unknown here.
   *
   * @returns the id of the identity; null if the pool is not being migrated, or its origin does not have these
   *   providers
   * @throws {ServiceError} the origin's own error, if it does not accept the logins for this identity
   */
  identityOf(presented: PresentedToOrigin): Promise<string | null>;
  /**
   * Does the same as `identityOf` for a user of the developer provider. The origin creates the user if it does not
   * exist.
   * @param about `identityId`: the identity to which the user is to be linked; null for the user's own identity
   */
  developerIdentityOf(about: {
    pool: IdentityPoolDescription;
    identityId: string | null;
    logins: Logins;
  }): Promise<string | null>;
  /**
   * Unlinks logins at the origin, too. Otherwise the origin would name the same identity again at the next login.
   *
   * @param about `logins`: the logins with which the client proves the identity. `providers`: the providers to unlink
   * @returns whether the origin has accepted the proof; false if the origin was not asked
   * @throws {ServiceError} the origin's own error, if it does not accept the logins for this identity
   */
  unlink(about: {
    pool: IdentityPoolDescription;
    identityId: string;
    logins: Logins;
    providers: readonly string[];
  }): Promise<boolean>;
  /** Does the same as `unlink` for a developer user. Does nothing if the user does not exist at the origin. */
  unlinkDeveloperUser(about: {
    pool: IdentityPoolDescription;
    identityId: string;
    provider: string;
    userId: string;
  }): Promise<void>;
  /** Creates a guest at the origin and here. @returns its id; null if the pool is not being migrated */
  newGuest(identityPoolId: string): Promise<string | null>;
  /**
   * Creates an identity here that was created at the origin after the copy, if the origin accepts the client's proof.
   * @returns the id of the identity that the origin names. It differs from `identityId` if the origin has merged this
   *   identity. Null if the origin rejects the proof, or the identity is in none of the pools
   */
  find(unknown: UnknownToFind): Promise<string | null>;
  /**
   * Asks the origin, at most once an hour for each guest, whether the guest has received a login there or was merged.
   * If so, the guest's id is no longer sufficient to use the identity here either. If the origin does not respond, the
   * guest remains usable.
   *
   * @throws {ServiceError} NotAuthorizedException if the identity is no longer a guest at the origin
   */
  checkGuest(guest: StoredIdentity, operation: AskedOperation): Promise<void>;
  /** Opens an OpenID token that the origin of a pool that is being migrated has issued. */
  openToken(token: string): Promise<OpenedOpenIdToken>;
}

/** No pool is being migrated to this service. */
export const NO_ORIGIN: OriginLogins = {
  listMoving: async () => [],
  isMoving: async () => false,
  identityOf: async () => null,
  developerIdentityOf: async () => null,
  unlink: async () => false,
  unlinkDeveloperUser: async () => undefined,
  newGuest: async () => null,
  find: async () => null,
  checkGuest: async () => undefined,
  openToken: async () => ({ state: 'invalid' }),
};
