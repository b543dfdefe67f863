import { ServiceError } from '../../common/errors.ts';
import { authenticate } from '../authenticate.ts';
import type { LoginDependencies } from '../dependencies.ts';
import { identityForbidden } from '../errors.ts';
import { findAskedByClient } from '../find-asked-by-client.ts';
import type { IdentityOperations } from '../model.ts';

/** Source: API reference of Cognito Identity, GetOpenIdToken. */
const DURATION_SECONDS = 10 * 60;

/**
 * GetOpenIdToken: returns a token for AssumeRoleWithWebIdentity. The token proves its bearer's identity for ten
 * minutes. If the client itself presents such a token as proof, the new token expires no later than the presented
 * token. A client therefore cannot renew a token indefinitely.
 *
 * @throws {ServiceError} NotAuthorizedException if the identity does not exist or is not the client's;
 *   InvalidParameterException if the pool does not allow the classic flow
 */
export function createGetOpenIdToken(dependencies: LoginDependencies): IdentityOperations['GetOpenIdToken'] {
  return async ({ IdentityId, Logins }) => {
    const asked = await findAskedByClient(dependencies, IdentityId, Logins);
    if (!asked) throw identityForbidden(IdentityId);
    if (asked.pool.AllowClassicFlow === false) {
      throw new ServiceError(
        'InvalidParameterException',
        'Basic (classic) flow is not enabled, please use enhanced flow.',
      );
    }
    const { identity, providers, tokenExpiresAt } = await authenticate(
      dependencies,
      asked,
      'GetOpenIdToken',
      Logins,
    );
    return {
      IdentityId: identity.identityId,
      Token: dependencies.openIdTokens.issue(identity, providers, DURATION_SECONDS, tokenExpiresAt),
    };
  };
}
