import { authorizeDeveloper } from '../../common/caller.ts';
import { ServiceError } from '../../common/errors.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { findPool } from '../find-pool.ts';
import type { IdentityOperations, IdentityPoolDescription } from '../model.ts';
import { checkTags } from '../pool-tags.ts';
import { toPoolSettings } from '../to-output.ts';

/**
 * UpdateIdentityPool: replaces all settings; a setting that is not given is removed. DeveloperProviderName is the
 * exception: once set, it cannot be changed or removed, because the service finds the identities of the backend's users
 * by this name. Source: API reference, CreateIdentityPool: "Once you have set a developer provider name, you cannot
 * change it."
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; InvalidParameterException if
 *   DeveloperProviderName differs from the name that is set, or there are more than 50 tags;
 *   ConcurrentModificationException if another request changed the pool in the meantime; NotAuthorizedException
 */
export function createUpdateIdentityPool({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['UpdateIdentityPool'] {
  return async (input, caller) => {
    authorizeDeveloper(caller);
    checkTags(input.IdentityPoolTags);
    const { IdentityPoolId } = input;
    const before = await findPool(store, IdentityPoolId);
    const DeveloperProviderName = keepProviderName(before, input);
    const pool = { IdentityPoolId, ...toPoolSettings({ ...input, DeveloperProviderName }) };
    if (!(await store.changePool(before, pool))) {
      throw new ServiceError(
        'ConcurrentModificationException',
        'the identity pool was changed by another request; try again',
      );
    }
    return pool;
  };
}

function keepProviderName(
  { DeveloperProviderName: before }: IdentityPoolDescription,
  { DeveloperProviderName: given }: IdentityPoolDescription,
): string | undefined {
  if (before !== undefined && given !== undefined && given !== before) {
    throw new ServiceError(
      'InvalidParameterException',
      'DeveloperProviderName cannot be changed after it is set.',
    );
  }
  return before ?? given;
}
