import { invalidParameter } from '../common/errors.ts';
import { createSigner, type SigningKeys } from '../common/signed-text.ts';
import { notValidToken } from '../sync/session-token.ts';

const POOLS = ['page of identity pools'];
const IDENTITIES = 'page of identities';
const USERS = 'page of developer users';

/** Issues and verifies the NextTokens of listings. */
export interface PageTokens {
  /** Returns the NextToken of a page of identity pools. `lastId` is the page's last id. */
  issuePools(lastId: string): string;
  /**
   * Returns the `lastId` for which `issuePools` issued the token.
   * @throws {ServiceError} InvalidParameterException if this service did not issue the token
   */
  verifyPools(nextToken: string): string;
  /** Returns the NextToken of a page of the pool's identities. `lastId` is the page's last id. */
  issueIdentities(lastId: string, identityPoolId: string): string;
  /**
   * Returns the `lastId` for which `issueIdentities` issued the token.
   * @throws {ServiceError} InvalidParameterException if this service did not issue the token, or issued it for another
   *   pool
   */
  verifyIdentities(nextToken: string, identityPoolId: string): string;
  /** Returns the NextToken of a page of the identity's developer users. `last` is the position of the page's last user. */
  issueUsers(last: string, identityId: string): string;
  /**
   * Returns the `last` for which `issueUsers` issued the token.
   * @throws {ServiceError} InvalidParameterException if this service did not issue the token, or issued it for another
   *   identity
   */
  verifyUsers(nextToken: string, identityId: string): string;
}

/**
 * Creates the NextTokens of listings.
 * @param keys the keys that also sign datasets' session tokens. Each signature covers the token's purpose,
 *   so a token of one kind is not accepted as another kind
 */
export function createPageTokens(keys: SigningKeys): PageTokens {
  const signer = createSigner(keys);

  function verify(nextToken: string, about: readonly string[]): string {
    const lastId = signer.open(nextToken, about);
    if (lastId === null) throw notValidToken('NextToken');
    return lastId;
  }

  return {
    issuePools: (lastId) => signer.sign(lastId, POOLS),
    verifyPools: (nextToken) => verify(nextToken, POOLS),
    issueIdentities: (lastId, identityPoolId) => signer.sign(lastId, [IDENTITIES, identityPoolId]),
    verifyIdentities: (nextToken, identityPoolId) => verify(nextToken, [IDENTITIES, identityPoolId]),
    issueUsers: (last, identityId) => signer.sign(last, [USERS, identityId]),
    verifyUsers: (nextToken, identityId) => verify(nextToken, [USERS, identityId]),
  };
}

/** The largest page. Source: API reference of Cognito Identity, ListIdentities and ListIdentityPools. */
export const MAX_RESULTS = 60;

/**
 * Returns the page size.
 * @throws {ServiceError} InvalidParameterException unless `maxResults` is 1 to 60
 */
export function readMaxResults(maxResults: number): number {
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > MAX_RESULTS) {
    throw invalidParameter('maxResults', `Member must be between 1 and ${MAX_RESULTS}`);
  }
  return maxResults;
}
