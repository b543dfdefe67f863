import type { IdentityKey } from '../../common/dataset-key.ts';
import { authenticateGuest } from '../authenticate.ts';
import { isProof } from '../change-logins.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { ExpiredLoginTokenError, invalidLoginToken } from '../errors.ts';
import type { AssumeRoleWithWebIdentity } from '../model.ts';
import type { ValidOpenIdToken } from '../open-id-token.ts';
import { openToken } from '../read-logins.ts';
import { toCredentials } from '../to-output.ts';

/**
 * AssumeRoleWithWebIdentity of AWS STS: returns credentials to the bearer of a token. The token was issued by this
 * service, or by the origin of a pool that is being migrated. The credentials are valid for an hour. This service has
 * no roles, so any ARN is accepted.
 *
 * A guest's token is valid while the identity is still a guest. A token that was obtained with a login remains valid
 * after its identity is merged into another identity; the credentials are then for that other identity. The credentials
 * may outlive the token, because the client cannot use them to obtain another token or further credentials.
 *
 * @throws {ExpiredLoginTokenError} if the token was valid but has expired
 * @throws {ServiceError} NotAuthorizedException if neither this service nor the origin issued the token, if its
 *   identity was deleted or is inaccessible, or if it is a guest's token and the identity is no longer a guest
 */
export function createAssumeRoleWithWebIdentity({
  store,
  credentials,
  openIdTokens,
  origin,
}: Pick<
  IdentityDependencies,
  'store' | 'credentials' | 'openIdTokens' | 'origin'
>): AssumeRoleWithWebIdentity {
  return async ({ WebIdentityToken }) => {
    const opened = await openToken({ openIdTokens, origin }, WebIdentityToken);
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
  { identity: { identityPoolId, identityId }, isAuthenticated, issuedAt }: ValidOpenIdToken,
): Promise<IdentityKey> {
  const [stored, pool] = await Promise.all([store.readIdentity(identityId), store.readPool(identityPoolId)]);
  if (stored?.identityPoolId !== identityPoolId || pool === null) throw invalidLoginToken();
  if (!isAuthenticated) authenticateGuest(stored, pool);
  const living = stored.mergedInto === null ? stored : await store.readIdentity(stored.mergedInto);
  if (living === null) throw invalidLoginToken();
  const { providers, unlinkedAt } = living;
  if (isAuthenticated && !isProof({ isUnlinked: providers.length === 0, unlinkedAt }, issuedAt)) {
    throw invalidLoginToken();
  }
  return { identityPoolId, identityId: living.identityId };
}
