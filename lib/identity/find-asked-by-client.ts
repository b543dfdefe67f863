import { ServiceError } from '../common/errors.ts';
import type { LoginDependencies } from './dependencies.ts';
import { ExpiredLoginTokenError } from './errors.ts';
import { type AskedIdentity, findAskedIdentity } from './find-asked-identity.ts';
import type { Logins } from './model.ts';
import { OWN_PROVIDER, openToken, readPublicLogins } from './read-logins.ts';

type FindDependencies = Pick<LoginDependencies, 'store' | 'origin' | 'openIdTokens' | 'verifyLogin'>;

/**
 * Does the same as `findAskedIdentity` for a client. If the identity is unknown here, also asks the origin of a
 * migration, because the identity may have been created there after the copy. The error for an unknown identity would
 * log the user out of apps that do not call GetId again. Source: `docs/clients.md`.
 *
 * @returns the asked identity, or the identity into which the origin has merged it
 * @throws {ServiceError} InternalErrorException, which clients retry, if the origin could not be asked; the `failure`
 *   of `poolsAccepting`, if the identity was not found in the other pools
 */
export async function findAskedByClient(
  dependencies: FindDependencies,
  identityId: string,
  logins: Logins = {},
): Promise<AskedIdentity | null> {
  const { store, origin } = dependencies;
  const asked = await findAskedIdentity(store, identityId);
  if (asked !== null) return asked;
  const { [OWN_PROVIDER]: ownToken } = logins;
  if (ownToken !== undefined) {
    // A token of the origin names the client's identity. `openToken` creates this identity here.
    const { state } = await openToken(dependencies, ownToken);
    if (state === 'expired') throw new ExpiredLoginTokenError();
    return findAskedIdentity(store, identityId);
  }
  const { pools, failure } = await poolsAccepting(dependencies, logins);
  const named = await origin.find({ identityId, logins, pools });
  if (named === null && failure !== undefined) throw failure;
  return named === null ? null : findAskedIdentity(store, named);
}

/**
 * Finds the pools that are being migrated and in which a client's logins are valid. The pool of an unknown identity is
 * unknown, too. A login that this service cannot verify is not presented to an origin.
 *
 * @returns `failure`: the error of a pool for which it is unknown whether the logins are valid, for example because
 *   their provider did not respond
 */
async function poolsAccepting(
  dependencies: FindDependencies,
  logins: Logins,
): Promise<{ pools: string[]; failure?: unknown }> {
  const { store, origin } = dependencies;
  const moving = await origin.listMoving();
  if (Object.keys(logins).length === 0) return { pools: moving };
  const verified = await Promise.allSettled(
    moving.map(async (identityPoolId) => {
      const pool = await store.readPool(identityPoolId);
      if (pool === null) return [];
      await readPublicLogins(dependencies, pool, logins);
      return [identityPoolId];
    }),
  );
  const reasons = verified.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  return {
    pools: verified.flatMap((result) => (result.status === 'fulfilled' ? result.value : [])),
    failure: reasons.find((reason) => !isInvalid(reason)),
  };
}

/**
 * Returns whether the error means that the logins are invalid in a pool, or cannot belong to it. An expired token does
 * not mean that: the login is valid, and the client can present a new token.
 */
function isInvalid(error: unknown): boolean {
  return (
    error instanceof ServiceError &&
    !(error instanceof ExpiredLoginTokenError) &&
    ['NotAuthorizedException', 'InvalidParameterException'].includes(error.code)
  );
}
