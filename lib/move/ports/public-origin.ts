import type { Logins } from '../../identity/model.ts';
import type { AskedOperation } from '../../identity/ports/origin-logins.ts';

/**
 * The calls to the origin on behalf of a client. Every method throws {ServiceError} if the origin rejects what the client
 * presents, and {SyncClientError} if the origin does not respond, throttles or rejects the call itself.
 */
export interface PublicOrigin {
  /**
   * Calls an operation as the client would. The tokens and credentials that the origin issues are dropped.
   *
   * @param client `identityId`: null for GetId, which creates an identity if the logins have none there
   * @returns the client's identity, and its pool if the origin's answer names it
   */
  present(client: {
    operation: AskedOperation;
    identityPoolId: string;
    identityId: string | null;
    logins: Logins;
  }): Promise<{ identityId: string; identityPoolId: string | null }>;
  /**
   * Logs in a user of the developer provider, with developer credentials. Creates the user if it does not exist.
   * @returns the user's identity
   */
  logInDeveloperUser(user: {
    identityPoolId: string;
    /** The identity to which the user is to be linked; null for the user's own identity. */
    identityId: string | null;
    logins: Logins;
  }): Promise<string>;
  /** Unlinks the logins of providers, as the client would. */
  unlink(client: { identityId: string; logins: Logins; providers: readonly string[] }): Promise<void>;
  /** Unlinks a user of the developer provider, with developer credentials. */
  unlinkDeveloperUser(user: {
    identityPoolId: string;
    identityId: string;
    provider: string;
    userId: string;
  }): Promise<void>;
  close(): void;
}
