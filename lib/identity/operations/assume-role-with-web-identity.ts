import type { IdentityKey } from '../../common/dataset-key.ts';
import { authenticateGuest } from '../authenticate.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { ExpiredLoginTokenError, invalidLoginToken } from '../errors.ts';
import type { AssumeRoleWithWebIdentity } from '../model.ts';
import { toCredentials } from '../to-output.ts';

/**
 * AssumeRoleWithWebIdentity, of AWS STS: credentials for an hour for the bearer of one of our own tokens. A guest's token
 * is good while the identity is still a guest; one that was got with a login follows the identity to what it has become
 * part of. There are no roles here: any ARN will do.
 *
 * @throws {ExpiredLoginTokenError} the token was valid
 * @throws {ServiceError} NotAuthorizedException: the token is not ours, its identity is gone, or no guest any more
 */
export function createAssumeRoleWithWebIdentity({
  store,
  credentials,
  openIdTokens,
}: Pick<IdentityDependencies, 'store' | 'credentials' | 'openIdTokens'>): AssumeRoleWithWebIdentity {
  return async ({ WebIdentityToken }) => {
    const opened = openIdTokens.open(WebIdentityToken);
    if (opened.state === 'expired') throw new ExpiredLoginTokenError();
    if (opened.state === 'invalid') throw invalidLoginToken();
    const identity = await findBearer(store, opened);
    return {
      Credentials: toCredentials(credentials.issue(identity)),
      SubjectFromWebIdentityToken: identity.identityId,
      Audience: identity.identityPoolId,
    };
  };
}

async function findBearer(
  store: IdentityDependencies['store'],
  { identity: { identityPoolId, identityId }, isAuthenticated }: BearerClaims,
): Promise<IdentityKey> {
  const [stored, pool] = await Promise.all([store.readIdentity(identityId), store.readPool(identityPoolId)]);
  if (stored?.identityPoolId !== identityPoolId || pool === null) throw invalidLoginToken();
  if (!isAuthenticated) authenticateGuest(stored, pool);
  return { identityPoolId, identityId: stored.mergedInto ?? identityId };
}

interface BearerClaims {
  identity: IdentityKey;
  isAuthenticated: boolean;
}
