import { authorizeDeveloper } from '../../common/caller.ts';
import { invalidParameter, ServiceError } from '../../common/errors.ts';
import { changeLogins } from '../change-logins.ts';
import { type IdentityDependencies, type LoginDependencies, newId } from '../dependencies.ts';
import { identityNotFound } from '../errors.ts';
import { findPool } from '../find-pool.ts';
import { linkLogins } from '../link-logins.ts';
import type { IdentityOperations, IdentityPoolDescription, Logins } from '../model.ts';
import { MAX_TOKEN_DURATION_SECONDS } from '../open-id-token.ts';
import type { FoundLogins, Login } from '../ports/identity-store.ts';
import { readDeveloperLogins } from '../read-logins.ts';

// Source: API reference of Cognito Identity, GetOpenIdTokenForDeveloperIdentity.
const DEFAULT_DURATION_SECONDS = 15 * 60;

/**
 * GetOpenIdTokenForDeveloperIdentity: logs in a user whom a developer's backend has authenticated. The operation
 * returns the user's identity and a token with which the client can prove this identity. The identity is created if it
 * does not exist. If the request names an identity, the user is linked to that identity.
 *
 * @throws {ServiceError} InvalidParameterException if Logins has no user of the pool's developer provider, or the
 *   duration is invalid; DeveloperUserAlreadyRegisteredException if the user has an identity other than the named
 *   identity; ResourceNotFoundException if the pool does not exist, or the named identity is not in the pool;
 *   NotAuthorizedException
 */
export function createGetOpenIdTokenForDeveloperIdentity(
  dependencies: LoginDependencies,
): IdentityOperations['GetOpenIdTokenForDeveloperIdentity'] {
  return async ({ IdentityPoolId, IdentityId = null, Logins, TokenDuration }, caller) => {
    authorizeDeveloper(caller);
    const durationSeconds = readDuration(TokenDuration);
    const pool = await findPool(dependencies.store, IdentityPoolId);
    const logins = await readDeveloperLogins(dependencies, pool, Logins);
    const [user] = logins;
    const named = await askAboutUser(dependencies, pool, { IdentityId, Logins, logins });
    const about = { identityPoolId: IdentityPoolId, asked: IdentityId, proven: null, logins };
    const question = named === null ? about : { ...about, named };
    const newIdentityId = newId(dependencies);
    const identityId = await changeLogins(dependencies, question, (found) => {
      if (IdentityId !== null && found.asked === null) throw identityNotFound(IdentityId);
      checkUserIsAvailable(found, user);
      return linkLogins(found, {
        newIdentityId,
        developerProvider: pool.DeveloperProviderName,
        isVouchedFor: true,
      });
    });
    const identity = { identityPoolId: IdentityPoolId, identityId };
    const providers = Object.keys(Logins).sort();
    return {
      IdentityId: identityId,
      Token: dependencies.openIdTokens.issue(identity, providers, durationSeconds),
    };
  };
}

/**
 * Asks the origin about a login that is unknown here: if the pool is being migrated, the origin may know its identity.
 */
async function askAboutUser(
  { store, origin }: Pick<IdentityDependencies, 'store' | 'origin'>,
  pool: IdentityPoolDescription,
  { IdentityId, Logins, logins }: { IdentityId: string | null; Logins: Logins; logins: readonly Login[] },
): Promise<string | null> {
  const { IdentityPoolId: identityPoolId } = pool;
  if (!(await origin.isMoving(identityPoolId))) return null;
  const { unowned } = await store.findLogins({ identityPoolId, asked: IdentityId, proven: null, logins });
  if (unowned.length === 0) return null;
  return origin.developerIdentityOf({ pool, identityId: IdentityId, logins: Logins });
}

function readDuration(seconds = DEFAULT_DURATION_SECONDS): number {
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_TOKEN_DURATION_SECONDS) {
    throw invalidParameter('tokenDuration', `Member must be between 1 and ${MAX_TOKEN_DURATION_SECONDS}`);
  }
  return seconds;
}

/**
 * Rejects a user who is registered to an identity other than the requested identity. A developer can merge the two
 * identities with MergeDeveloperIdentities.
 */
function checkUserIsAvailable({ asked, owned }: FoundLogins, { provider }: Login): void {
  const ownerOfUser = owned.find(({ login }) => login.provider === provider)?.owner;
  if (asked && ownerOfUser && ownerOfUser.identityId !== asked.identityId) {
    throw new ServiceError(
      'DeveloperUserAlreadyRegisteredException',
      'The developer user identifier is already registered to another identity.',
    );
  }
}
