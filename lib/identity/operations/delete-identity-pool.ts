import { authorizeDeveloper } from '../../common/caller.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { IdentityOperations } from '../model.ts';

/**
 * DeleteIdentityPool: deletes the pool, its identities and all their data. The pool immediately disappears for every
 * caller; then its data is deleted.
 *
 * If the deletion is interrupted, the request can be repeated, and a scheduled function completes it as well. That
 * function also deletes data that other transactions lock for longer than the request waits.
 *
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist, or is deleted and has no data left;
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
