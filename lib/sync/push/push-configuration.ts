import { ServiceError } from '../../common/errors.ts';
import { poolNotFound } from '../errors.ts';
import type { PoolStore } from '../ports/pool-store.ts';
import type { PushPlatform } from '../ports/push.ts';

/**
 * The applications that reach the devices of a pool's identities; at least one.
 * @throws {ServiceError} ResourceNotFoundException: there is no such pool; InvalidConfigurationException: push is not
 *   set up for it
 */
export async function readPushApplications(
  pools: Pick<PoolStore, 'readPool'>,
  identityPoolId: string,
): Promise<readonly string[]> {
  const pool = await pools.readPool(identityPoolId);
  if (pool === null) throw poolNotFound(identityPoolId);
  const applicationArns = pool.pushSync?.applicationArns ?? [];
  if (applicationArns.length === 0) {
    throw invalidConfiguration(
      `IdentityPool '${identityPoolId}' has no push applications; SetIdentityPoolConfiguration sets them`,
    );
  }
  return applicationArns;
}

/**
 * The first of the applications that is one of the platform: `arn:aws:sns:<region>:<account>:app/<platform>/<name>`.
 * @throws {ServiceError} InvalidConfigurationException: none is
 */
export function findApplication(applicationArns: readonly string[], platform: PushPlatform): string {
  const found = applicationArns.find((arn) => arn.split(':').at(5)?.split('/').at(1) === platform);
  if (found === undefined) {
    throw invalidConfiguration(`none of the pool's push applications is one of ${platform}`);
  }
  return found;
}

export function invalidConfiguration(message: string): ServiceError {
  return new ServiceError('InvalidConfigurationException', message);
}
