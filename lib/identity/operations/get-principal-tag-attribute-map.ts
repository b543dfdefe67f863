import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { IdentityOperations, PrincipalTagMap } from '../model.ts';

/** The map of a provider for which none was stored: no attribute becomes a principal tag. */
export const NO_PRINCIPAL_TAGS: PrincipalTagMap = { UseDefaults: false, PrincipalTags: {} };

/**
 * GetPrincipalTagAttributeMap: returns the map that SetPrincipalTagAttributeMap has stored for a provider. Principal tags
 * have no effect in this service.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
 */
export function createGetPrincipalTagAttributeMap({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['GetPrincipalTagAttributeMap'] {
  return async ({ IdentityPoolId, IdentityProviderName }, caller) => {
    authorizeDeveloper(caller);
    const settings = await store.readRoleSettings(IdentityPoolId);
    if (settings === null) throw poolNotFound(IdentityPoolId);
    const maps = new Map(Object.entries(settings.PrincipalTagMaps ?? {}));
    return { IdentityPoolId, IdentityProviderName, ...(maps.get(IdentityProviderName) ?? NO_PRINCIPAL_TAGS) };
  };
}
