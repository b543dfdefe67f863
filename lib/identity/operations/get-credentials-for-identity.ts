import { authenticate } from '../authenticate.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { identityForbidden } from '../errors.ts';
import { findAsked } from '../find.ts';
import type { IdentityOperations } from '../model.ts';
import { toCredentials } from '../to-output.ts';

type Needed =
  | 'store'
  | 'credentials'
  | 'openIdTokens'
  | 'logins'
  | 'mergeDatasets'
  | 'now'
  | 'randomId'
  | 'region';

/**
 * GetCredentialsForIdentity: returns credentials, valid for an hour, for the named identity or the one into which it
 * was merged. There are no roles here, so CustomRoleArn has no effect. They may outlive the OpenID token that proves the
 * identity, because no token and no other credentials can be derived from them.
 *
 * @throws {ServiceError} NotAuthorizedException if the identity does not exist or is not the client's
 */
export function createGetCredentialsForIdentity(
  dependencies: Pick<IdentityDependencies, Needed>,
): IdentityOperations['GetCredentialsForIdentity'] {
  return async ({ IdentityId, Logins }) => {
    const asked = await findAsked(dependencies.store, IdentityId);
    if (!asked) throw identityForbidden(IdentityId);
    const { identity } = await authenticate(dependencies, asked, Logins);
    return {
      IdentityId: identity.identityId,
      Credentials: toCredentials(dependencies.credentials.issue(identity)),
    };
  };
}
