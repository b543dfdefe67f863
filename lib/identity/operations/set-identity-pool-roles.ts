import { authorizeDeveloper } from '../../common/caller.ts';
import { invalidParameter } from '../../common/errors.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { IdentityOperations, RoleMapping } from '../model.ts';

/** Source: API reference of Cognito Identity, SetIdentityPoolRoles. */
const MAX_RULES = 25;

/**
 * SetIdentityPoolRoles: stores the roles and role mappings of a pool, in place of all earlier ones. Roles have no effect
 * in this service.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; InvalidParameterException if a mapping
 *   lacks a member that its type requires, or has more than 25 rules; NotAuthorizedException
 */
export function createSetIdentityPoolRoles({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['SetIdentityPoolRoles'] {
  return async ({ IdentityPoolId, Roles, RoleMappings }, caller) => {
    authorizeDeveloper(caller);
    for (const mapping of Object.values(RoleMappings ?? {})) checkMapping(mapping);
    const isChanged = await store.changeRoleSettings(IdentityPoolId, ({ PrincipalTagMaps }) => ({
      PrincipalTagMaps,
      Roles,
      RoleMappings,
    }));
    if (!isChanged) throw poolNotFound(IdentityPoolId);
    return {};
  };
}

/** Checks a role mapping. The error does not name the provider, because the name may be long. */
function checkMapping({ Type, AmbiguousRoleResolution, RulesConfiguration }: RoleMapping): void {
  const path = 'roleMappings.value';
  if (AmbiguousRoleResolution === undefined) {
    throw invalidParameter(`${path}.ambiguousRoleResolution`, 'Member must not be null');
  }
  if (Type === 'Rules' && RulesConfiguration === undefined) {
    throw invalidParameter(`${path}.rulesConfiguration`, 'Member must not be null if the type is Rules');
  }
  if ((RulesConfiguration?.Rules.length ?? 0) > MAX_RULES) {
    const rule = `Member must have length less than or equal to ${MAX_RULES}`;
    throw invalidParameter(`${path}.rulesConfiguration.rules`, rule);
  }
}
