import type { IdentityKey } from '../common/dataset-key.ts';
import type { Merge } from '../sync/ports/merge-store.ts';
import type { OpenIdTokens } from './open-id-token.ts';
import type { PageTokens } from './paging.ts';
import type { IdentityStore } from './ports/identity-store.ts';
import type { OriginLogins } from './ports/origin-logins.ts';
import type { VerifyLogin } from './ports/verify-login.ts';
import type { TemporaryCredentialsIssuer } from './temporary-credentials.ts';

/** The dependencies of the operations. Each operation takes the dependencies that it needs. */
export interface IdentityDependencies {
  store: IdentityStore;
  credentials: TemporaryCredentialsIssuer;
  openIdTokens: OpenIdTokens;
  pageTokens: PageTokens;
  /** Verifies tokens of public login providers. `trustLogin` accepts any token, for development on one machine. */
  verifyLogin: VerifyLogin;
  /** The origin of pools that are being migrated; `NO_ORIGIN` if no pool can be migrated. */
  origin: OriginLogins;
  /** Moves the datasets of a merged identity into the identity that survived the merge. The call can be repeated. */
  mergeDatasets: (merge: Merge) => Promise<void>;
  /**
   * Deletes the data of a pool that is marked as deleted and returns whether nothing is left. The call can be repeated.
   */
  deletePoolData: (identityPoolId: string) => Promise<boolean>;
  /** Deletes the data of a deleted identity and returns whether nothing is left. The call can be repeated. */
  deleteIdentityData: (identity: IdentityKey) => Promise<boolean>;
  /** Called for each identity whose deletion failed; the error is not thrown. */
  onFailedDeletion: (identityId: string, error: unknown) => void;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  /** Returns UUIDs. */
  randomId: () => string;
  /** The prefix of the ids of new pools and identities. */
  region: string;
}

/**
 * The dependencies for reading logins, asking the origin of a migration about them, and linking or creating identities.
 */
export type LoginDependencies = Pick<
  IdentityDependencies,
  'store' | 'openIdTokens' | 'verifyLogin' | 'origin' | 'mergeDatasets' | 'now' | 'randomId' | 'region'
>;

/** Creates the id of a pool or an identity: the region and a UUID. */
export function newId({ region, randomId }: Pick<IdentityDependencies, 'region' | 'randomId'>): string {
  return `${region}:${randomId()}`;
}
