import { ServiceError } from '../../common/errors.ts';
import { authorizeDeveloper } from '../../sync/authorize.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { findPool } from '../find.ts';
import type { IdentityOperations, IdentityPoolDescription } from '../model.ts';
import { toPoolSettings } from '../to-output.ts';

/**
 * UpdateIdentityPool: sets everything anew; what is not given is not set any more. Only the DeveloperProviderName stays
 * once it is set, since the users of the backend are known under it. Source: API reference, CreateIdentityPool: "Once you
 * have set a developer provider name, you cannot change it."
 *
 * @throws {ServiceError} ResourceNotFoundException: there is no such pool; InvalidParameterException: another
 *   DeveloperProviderName; ConcurrentModificationException: it was changed at the same time; NotAuthorizedException
 */
export function createUpdateIdentityPool({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['UpdateIdentityPool'] {
  return async (input, caller) => {
    authorizeDeveloper(caller);
    const { IdentityPoolId } = input;
    const before = await findPool(store, IdentityPoolId);
    const DeveloperProviderName = keepProviderName(before, input);
    const pool = { IdentityPoolId, ...toPoolSettings({ ...input, DeveloperProviderName }) };
    if (!(await store.changePool(before, pool))) {
      throw new ServiceError(
        'ConcurrentModificationException',
        'the identity pool was changed at the same time',
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
    throw new ServiceError('InvalidParameterException', 'A DeveloperProviderName that is set cannot change.');
  }
  return before ?? given;
}
