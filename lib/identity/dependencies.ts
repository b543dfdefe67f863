import type { Merge } from '../sync/ports/merge-store.ts';
import type { IdentityStore } from './identity-store.ts';
import type { OpenIdTokens } from './open-id-token.ts';
import type { PageTokens } from './paging.ts';
import type { TemporaryCredentialsIssuer } from './temporary-credentials.ts';

/** What the operations are made with; each takes what it needs of it. */
export interface IdentityDependencies {
  store: IdentityStore;
  credentials: TemporaryCredentialsIssuer;
  openIdTokens: OpenIdTokens;
  pageTokens: PageTokens;
  /**
   * What the tokens of other providers are worth. They are not verified: `trusted` takes them at their word, which is for
   * a machine of one's own; `refused` lets in guests and those alone for whom the developer's backend vouches.
   */
  logins: 'trusted' | 'refused';
  /** Copies the datasets of an identity that has become part of another one; can be done again. */
  mergeDatasets: (merge: Merge) => Promise<void>;
  /** Deletes what is kept of a pool that is marked as deleted; can be done again. Says whether nothing is left. */
  deletePoolData: (identityPoolId: string) => Promise<boolean>;
  /** Epoch milliseconds. */
  now: () => number;
  /** UUIDs. */
  randomId: () => string;
  /** Ids of new pools and identities begin with it. */
  region: string;
}

/** Of a pool or of an identity: the region and a UUID. */
export function newId({ region, randomId }: Pick<IdentityDependencies, 'region' | 'randomId'>): string {
  return `${region}:${randomId()}`;
}
