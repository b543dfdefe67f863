import { changeLogins } from '../change-logins.ts';
import { type IdentityDependencies, newId } from '../dependencies.ts';
import { guestsNotAllowed, poolNotFound } from '../errors.ts';
import { findPool } from '../find.ts';
import { linkLogins } from '../link-logins.ts';
import type { IdentityOperations, IdentityPoolDescription } from '../model.ts';
import { readPublicLogins } from '../read-logins.ts';

type Needed = 'store' | 'openIdTokens' | 'logins' | 'mergeDatasets' | 'now' | 'randomId' | 'region';

/**
 * GetId: a new guest each time, or, with logins, always the same identity for the same person.
 * @throws {ServiceError} ResourceNotFoundException: there is no such pool; NotAuthorizedException: it lets in no guests,
 *   or a login is not valid
 */
export function createGetId(dependencies: Pick<IdentityDependencies, Needed>): IdentityOperations['GetId'] {
  return async ({ IdentityPoolId, Logins = {} }) => {
    const pool = await findPool(dependencies.store, IdentityPoolId);
    if (Object.keys(Logins).length === 0) return { IdentityId: await createGuest(dependencies, pool) };
    const shown = readPublicLogins(dependencies, pool, Logins);
    const question = { identityPoolId: IdentityPoolId, asked: null, ...shown };
    const newIdentityId = newId(dependencies);
    const IdentityId = await changeLogins(dependencies, question, (found) =>
      linkLogins(found, { newIdentityId }),
    );
    return { IdentityId };
  };
}

async function createGuest(
  { store, now, ...ids }: Pick<IdentityDependencies, 'store' | 'now' | 'randomId' | 'region'>,
  { IdentityPoolId, AllowUnauthenticatedIdentities }: IdentityPoolDescription,
): Promise<string> {
  if (!AllowUnauthenticatedIdentities) throw guestsNotAllowed();
  const identityId = newId(ids);
  const isMade = await store.createGuest({ identityPoolId: IdentityPoolId, identityId }, now());
  if (!isMade) throw poolNotFound(IdentityPoolId);
  return identityId;
}
