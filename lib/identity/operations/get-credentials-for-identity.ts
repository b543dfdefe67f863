import { authenticate } from '../authenticate.ts';
import type { IdentityDependencies } from '../dependencies.ts';
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
 * GetCredentialsForIdentity: credentials for an hour, of the identity that is named or of the one that it has become part
 * of. There are no roles here: a CustomRoleArn changes nothing.
 *
 * @throws {ServiceError} ResourceNotFoundException: there is no such identity; NotAuthorizedException: it is not the
 *   client's
 */
export function createGetCredentialsForIdentity(
  dependencies: Pick<IdentityDependencies, Needed>,
): IdentityOperations['GetCredentialsForIdentity'] {
  return async ({ IdentityId, Logins }) => {
    const asked = await findAsked(dependencies.store, IdentityId);
    const { identity } = await authenticate(dependencies, asked, Logins);
    return {
      IdentityId: identity.identityId,
      Credentials: toCredentials(dependencies.credentials.issue(identity)),
    };
  };
}
