import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { IdentityOperations } from '../model.ts';

/**
 * GetIdentityPoolRoles: returns the roles that SetIdentityPoolRoles has stored. Roles have no effect in this service.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
 */
export function createGetIdentityPoolRoles({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['GetIdentityPoolRoles'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    const settings = await store.readRoleSettings(IdentityPoolId);
    if (settings === null) throw poolNotFound(IdentityPoolId);
    const { Roles = {}, RoleMappings } = settings;
    return { IdentityPoolId, Roles, RoleMappings };
  };
}
