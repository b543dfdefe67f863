import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import type { IdentityOperations } from '../model.ts';
import { changeTags, readPoolArn } from '../pool-tags.ts';

/**
 * UntagResource: removes the tags with these keys from a pool. Keys that the pool does not have are ignored.
 * @throws {ServiceError} InvalidParameterException if ResourceArn is not the ARN of a pool; ResourceNotFoundException if
 *   the pool does not exist; TooManyRequestsException; NotAuthorizedException
 */
export function createUntagResource({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['UntagResource'] {
  return async ({ ResourceArn, TagKeys }, caller) => {
    authorizeDeveloper(caller);
    const removed = new Set(TagKeys);
    await changeTags(store, readPoolArn(ResourceArn), (before) =>
      Object.fromEntries(Object.entries(before).filter(([key]) => !removed.has(key))),
    );
    return {};
  };
}
