import { authorizeDeveloper } from '../../sync/authorize.ts';
import type { IdentityDependencies } from '../dependencies.ts';
import type { IdentityOperations } from '../model.ts';
import { newId } from '../new-id.ts';
import { toPoolSettings } from '../to-pool-settings.ts';

/**
 * CreateIdentityPool: a pool without identities, that streams nowhere and has no sync trigger.
 * @throws {ServiceError} NotAuthorizedException
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
    const pool = { IdentityPoolId: newId(ids), ...toPoolSettings(input) };
    await store.createPool(pool, now());
    return pool;
  };
}
