import { authorizeDeveloper } from '../../sync/authorize.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { IdentityOperations } from '../model.ts';

/**
 * DeleteIdentityPool: the pool, its identities and all that is stored for them. The pool is gone for everybody at once, and
 * then what is left of it goes. What is cut off can be asked for again, and is finished on a schedule, too, as is what
 * others hold for longer than is waited for.
 *
 * @throws {ServiceError} ResourceNotFoundException: there is no such pool, or it is deleted and nothing of it is left;
 *   NotAuthorizedException
 */
export function createDeleteIdentityPool({
  store,
  deletePoolData,
  now,
}: Pick<IdentityDependencies, 'store' | 'deletePoolData' | 'now'>): IdentityOperations['DeleteIdentityPool'] {
  return async ({ IdentityPoolId }, caller) => {
    authorizeDeveloper(caller);
    if (!(await store.markDeleted(IdentityPoolId, now()))) throw poolNotFound(IdentityPoolId);
    await deletePoolData(IdentityPoolId);
    return {};
  };
}
