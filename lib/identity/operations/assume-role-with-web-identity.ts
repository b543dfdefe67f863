import type { IdentityKey } from '../../common/dataset-key.ts';
import { authenticateGuest } from '../authenticate.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { ExpiredLoginTokenError, invalidLoginToken } from '../errors.ts';
import type { AssumeRoleWithWebIdentity } from '../model.ts';
import { toCredentials } from '../to-output.ts';

/**
 * AssumeRoleWithWebIdentity of AWS STS: returns credentials, valid for an hour, to the bearer of one of our own
 * tokens. A guest's token is valid while the identity is still a guest. A token obtained with a login remains valid
 * for the identity into which its identity was merged. There are no roles here, so any ARN is accepted. The credentials
 * may outlive the token, because no token and no other credentials can be derived from them.
 *
 * @throws {ExpiredLoginTokenError} if the token was valid but has expired
 * @throws {ServiceError} NotAuthorizedException if the token is not ours, or its identity is gone or no longer a
 *   guest
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
