import { ServiceError } from '../../common/errors.ts';
import { authorizeDeveloper } from '../../sync/authorize.ts';
import { invalidParameter } from '../../sync/errors.ts';
import { changeLogins } from '../change-logins.ts';
import { type IdentityDependencies, newId } from '../dependencies.ts';
import { findPool } from '../find.ts';
import type { FoundLogins, Login } from '../identity-store.ts';
import { linkLogins } from '../link-logins.ts';
import type { IdentityOperations } from '../model.ts';
import { readDeveloperLogins } from '../read-logins.ts';

type Needed = 'store' | 'openIdTokens' | 'mergeDatasets' | 'now' | 'randomId' | 'region';

// Source: API reference of Cognito Identity, GetOpenIdTokenForDeveloperIdentity.
const DEFAULT_DURATION_SECONDS = 15 * 60;
const MAX_DURATION_SECONDS = 24 * 60 * 60;

/**
 * GetOpenIdTokenForDeveloperIdentity: a developer's backend says who somebody is. The user's identity, made where there is
 * none, or the one named, to which the user is then linked; and a token with which the client can show to be it.
 *
 * @throws {ServiceError} InvalidParameterException: no login of the pool's developer provider, or no such duration;
 *   DeveloperUserAlreadyRegisteredException: the user has another identity than the one named;
 *   ResourceNotFoundException: there is no such pool, or no such identity in it; NotAuthorizedException
 */
export function createGetOpenIdTokenForDeveloperIdentity(
  dependencies: Pick<IdentityDependencies, Needed>,
): IdentityOperations['GetOpenIdTokenForDeveloperIdentity'] {
  return async ({ IdentityPoolId, IdentityId = null, Logins, TokenDuration }, caller) => {
    authorizeDeveloper(caller);
    const durationSeconds = readDuration(TokenDuration);
    const pool = await findPool(dependencies.store, IdentityPoolId);
    const logins = readDeveloperLogins(pool, Logins);
    const [user] = logins;
    const question = { identityPoolId: IdentityPoolId, asked: IdentityId, proven: null, logins };
    const newIdentityId = newId(dependencies);
    const identityId = await changeLogins(dependencies, question, (found) => {
      refuseAnothersUser(found, user);
      return linkLogins(found, { newIdentityId, isVouchedFor: true });
    });
    const identity = { identityPoolId: IdentityPoolId, identityId };
    const providers = Object.keys(Logins).sort();
    return {
      IdentityId: identityId,
      Token: dependencies.openIdTokens.issue(identity, providers, durationSeconds),
    };
  };
}

function readDuration(seconds = DEFAULT_DURATION_SECONDS): number {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_DURATION_SECONDS) {
    throw invalidParameter('tokenDuration', `Member must be between 1 and ${MAX_DURATION_SECONDS}`);
  }
  return seconds;
}

/** To make one of two identities there is MergeDeveloperIdentities. */
function refuseAnothersUser({ asked, owned }: FoundLogins, { provider }: Login): void {
  const ownerOfUser = owned.find(({ login }) => login.provider === provider)?.owner;
  if (asked && ownerOfUser && ownerOfUser.identityId !== asked.identityId) {
    throw new ServiceError(
      'DeveloperUserAlreadyRegisteredException',
      'The developer user identifier is already registered to another identity.',
    );
  }
}
