import { authenticate } from '../authenticate.ts';
import type { IdentityDependencies, LoginDependencies } from '../dependencies.ts';
import { identityForbidden } from '../errors.ts';
import { findAskedByClient } from '../find-asked-by-client.ts';
import type { IdentityOperations } from '../model.ts';
import { toCredentials } from '../to-output.ts';

/**
 * GetCredentialsForIdentity: returns credentials that are valid for an hour. The credentials are for the named
 * identity. If the named identity was merged, they are for the identity into which it was merged. This service has no
 * roles, so CustomRoleArn has no effect. The credentials may outlive the OpenID token that proves the identity, because
 * the client cannot use them to obtain another token or further credentials.
 *
 * @throws {ServiceError} NotAuthorizedException if the identity does not exist or is not the client's
 */
export function createGetCredentialsForIdentity(
  dependencies: LoginDependencies & Pick<IdentityDependencies, 'credentials'>,
): IdentityOperations['GetCredentialsForIdentity'] {
  return async ({ IdentityId, Logins }) => {
    const asked = await findAskedByClient(dependencies, IdentityId, Logins);
    if (!asked) throw identityForbidden(IdentityId);
    const { identity } = await authenticate(dependencies, asked, 'GetCredentialsForIdentity', Logins);
    return {
      IdentityId: identity.identityId,
      Credentials: toCredentials(dependencies.credentials.issue(identity)),
    };
  };
}
