import { ServiceError } from '../../common/errors.ts';
import { poolNotFound } from '../errors.ts';
import type { PoolStore } from '../ports/pool-store.ts';
import type { PushPlatform } from '../ports/push.ts';

/**
 * Returns the ARNs of the push applications that reach the devices of a pool's identities. Returns at least one ARN.
 * @throws {ServiceError} ResourceNotFoundException if the pool does not exist; InvalidConfigurationException if the
 *   pool has no push applications
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
      `IdentityPool '${identityPoolId}' has no push applications; set them with SetIdentityPoolConfiguration`,
    );
  }
  return applicationArns;
}

/**
 * Returns the first application of a platform: `arn:aws:sns:<region>:<account>:app/<platform>/<name>`.
 * @throws {ServiceError} InvalidConfigurationException if there is no such application
 */
export function findApplication(applicationArns: readonly string[], platform: PushPlatform): string {
  const found = applicationArns.find((arn) => arn.split(':').at(5)?.split('/').at(1) === platform);
  if (found === undefined) {
    throw invalidConfiguration(
      `no push application for ${platform} in the identity pool; add one with SetIdentityPoolConfiguration`,
    );
  }
  return found;
}

export function invalidConfiguration(message: string): ServiceError {
  return new ServiceError('InvalidConfigurationException', message);
}
