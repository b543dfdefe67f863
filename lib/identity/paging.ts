import { createSigner } from '../common/signed-text.ts';
import { invalidParameter } from '../sync/errors.ts';
import { notValidToken } from '../sync/session-token.ts';

const POOLS = ['page of identity pools'];
const IDENTITIES = 'page of identities';

/** The NextTokens of listings. */
export interface PageTokens {
  /** Of a page of identity pools that ended with this id. */
  issuePools(lastId: string): string;
  /** @throws {ServiceError} InvalidParameterException: not ours */
  verifyPools(nextToken: string): string;
  /** Of a page of identities of the pool that ended with this id. */
  issueIdentities(lastId: string, identityPoolId: string): string;
  /** @throws {ServiceError} InvalidParameterException: not of this pool, or not ours */
  verifyIdentities(nextToken: string, identityPoolId: string): string;
}

/** @param key of HMAC-SHA-256, as for session tokens of datasets, signed for purposes of its own */
export function createPageTokens(key: Buffer): PageTokens {
  const signer = createSigner(key);

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
  };
}

/** Source: API reference of Cognito Identity, ListIdentities and ListIdentityPools. */
const MAX_RESULTS = 60;

/** @throws {ServiceError} InvalidParameterException unless it is 1 to 60 */
export function readMaxResults(maxResults: number): number {
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > MAX_RESULTS) {
    throw invalidParameter('maxResults', `Member must be between 1 and ${MAX_RESULTS}`);
  }
  return maxResults;
}
