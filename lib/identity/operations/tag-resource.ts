import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import type { IdentityOperations } from '../model.ts';
import { changeTags, readPoolArn } from '../pool-tags.ts';

/**
 * TagResource: sets tags of a pool. Tags with other keys stay.
 * @throws {ServiceError} InvalidParameterException if ResourceArn is not the ARN of a pool, or the pool would have more
 *   than 50 tags; ResourceNotFoundException if the pool does not exist; TooManyRequestsException; NotAuthorizedException
 */
export function createTagResource({
  store,
}: Pick<IdentityDependencies, 'store'>): IdentityOperations['TagResource'] {
  return async ({ ResourceArn, Tags }, caller) => {
    authorizeDeveloper(caller);
    await changeTags(store, readPoolArn(ResourceArn), (before) =>
      Object.fromEntries([...Object.entries(before), ...Object.entries(Tags)]),
    );
    return {};
  };
}
