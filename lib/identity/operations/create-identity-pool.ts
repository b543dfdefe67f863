import { authorizeDeveloper } from '../../common/caller.ts';
import { type IdentityDependencies, newId } from '../dependencies.ts';
import type { IdentityOperations } from '../model.ts';
import { checkTags } from '../pool-tags.ts';
import { toPoolSettings } from '../to-output.ts';

/**
 * CreateIdentityPool: creates a pool without identities, without a stream and without a sync trigger.
 * @throws {ServiceError} InvalidParameterException if there are more than 50 tags; NotAuthorizedException
 */
export function createCreateIdentityPool({
  store,
  now,
  ...ids
}: Pick<
  IdentityDependencies,
  'store' | 'now' | 'randomId' | 'region'
>): IdentityOperations['CreateIdentityPool'] {
  return async (input, caller) => {
    authorizeDeveloper(caller);
    checkTags(input.IdentityPoolTags);
    const pool = { IdentityPoolId: newId(ids), ...toPoolSettings(input) };
    await store.createPool(pool, now());
    return pool;
  };
}
