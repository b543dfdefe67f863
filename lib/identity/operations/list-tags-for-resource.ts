import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { findPool } from '../find-pool.ts';
import type { IdentityOperations } from '../model.ts';
import { readPoolArn } from '../pool-tags.ts';

/**
 * ListTagsForResource: returns the tags of a pool.
 * @throws {ServiceError} InvalidParameterException if ResourceArn is not the ARN of a pool; ResourceNotFoundException if
 *   the pool does not exist; NotAuthorizedException
 */
export function createListTagsForResource({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['ListTagsForResource'] {
  return async ({ ResourceArn }, caller) => {
    authorizeDeveloper(caller);
    const { IdentityPoolTags = {} } = await findPool(store, readPoolArn(ResourceArn));
    return { Tags: IdentityPoolTags };
  };
}
