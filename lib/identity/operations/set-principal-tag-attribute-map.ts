import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { IdentityOperations } from '../model.ts';
import { NO_PRINCIPAL_TAGS } from './get-principal-tag-attribute-map.ts';

/**
 * SetPrincipalTagAttributeMap: stores which attributes of a provider's users become principal tags, in place of the
 * earlier map of the provider. Principal tags have no effect in this service.
 *
 * @returns the stored map
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; NotAuthorizedException
 */
export function createSetPrincipalTagAttributeMap({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['SetPrincipalTagAttributeMap'] {
  return async ({ IdentityPoolId, IdentityProviderName, UseDefaults, PrincipalTags }, caller) => {
    authorizeDeveloper(caller);
    const map = {
      UseDefaults: UseDefaults ?? NO_PRINCIPAL_TAGS.UseDefaults,
      PrincipalTags: PrincipalTags ?? NO_PRINCIPAL_TAGS.PrincipalTags,
    };
    const isChanged = await store.changeRoleSettings(IdentityPoolId, (before) => {
      const maps = new Map(Object.entries(before.PrincipalTagMaps ?? {})).set(IdentityProviderName, map);
      return { ...before, PrincipalTagMaps: Object.fromEntries(maps) };
    });
    if (!isChanged) throw poolNotFound(IdentityPoolId);
    return { IdentityPoolId, IdentityProviderName, ...map };
  };
}
