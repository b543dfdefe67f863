import { askOrigin } from '../ask-origin.ts';
import { changeLogins } from '../change-logins.ts';
import { type IdentityDependencies, type LoginDependencies, newId } from '../dependencies.ts';
import { guestsNotAllowed, poolNotFound } from '../errors.ts';
import { findPool } from '../find-pool.ts';
import { linkLogins } from '../link-logins.ts';
import type { IdentityOperations, IdentityPoolDescription } from '../model.ts';
import { readPublicLogins } from '../read-logins.ts';

/**
 * GetId: without logins, each call creates and returns a new guest. With logins, the same user always gets the same
 * identity. If the pool is being migrated, a new guest is created at the origin, too, so that devices can use it on both
 * sides.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException if the pool does
 *   not accept guests, or a login is invalid; the errors of `readPublicLogins` and `linkLogins`
 */
export function createGetId(dependencies: LoginDependencies): IdentityOperations['GetId'] {
  return async ({ IdentityPoolId, Logins = {} }) => {
    const pool = await findPool(dependencies.store, IdentityPoolId);
    if (Object.keys(Logins).length === 0) return { IdentityId: await createGuest(dependencies, pool) };
    const presented = await readPublicLogins(dependencies, pool, Logins);
    const question = await askOrigin(dependencies, pool, { operation: 'GetId', asked: null, presented });
    const newIdentityId = newId(dependencies);
    const IdentityId = await changeLogins(dependencies, question, (found) =>
      linkLogins(found, { newIdentityId, developerProvider: pool.DeveloperProviderName }),
    );
    return { IdentityId };
  };
}

async function createGuest(
  {
    store,
    origin,
    now,
    ...ids
  }: Pick<IdentityDependencies, 'store' | 'origin' | 'now' | 'randomId' | 'region'>,
  { IdentityPoolId, AllowUnauthenticatedIdentities }: IdentityPoolDescription,
): Promise<string> {
  if (!AllowUnauthenticatedIdentities) throw guestsNotAllowed();
  const copied = await origin.newGuest(IdentityPoolId);
  if (copied !== null) return copied;
  const identityId = newId(ids);
  const isCreated = await store.createGuest({ identityPoolId: IdentityPoolId, identityId }, now());
  if (!isCreated) throw poolNotFound(IdentityPoolId);
  return identityId;
}
