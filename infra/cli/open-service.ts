import type { OperatedService } from '../../lib/backfill/ports/operated-service.ts';
import { type Credentials, DEFAULT_REGION, type Environment } from '../../lib/common/environment.ts';
import { readFailureDestination, readParallelizationFactor } from '../../lib/common/function-settings.ts';
import { isLoopback } from '../../lib/common/loopback.ts';
import { readServiceKeys, readServiceKeysJson } from '../../lib/common/service-keys.ts';
import { UsageError } from './command.ts';
import { readEndpoint } from './read-endpoint.ts';

/**
 * Opens the service and its streams at AWS_ENDPOINT_URL, or Amazon's services if that variable is unset. If the service
 * runs in AWS, its streams are Kinesis streams of the account. AWS_ENDPOINT_URL_COGNITO_SYNC then gives the address of
 * only the service, and the commands sign requests to the service with the first developer key of SERVICE_KEYS.
 *
 * @param identityPoolId the pool to work on; its region is used unless AWS_REGION or AWS_DEFAULT_REGION is set
 * @throws {SetupError} a variable is invalid
 * @throws {UsageError} the pool is not in the configured region
 */
export async function openService(env: Environment, identityPoolId?: string): Promise<OperatedService> {
  const endpoint = readEndpoint(env, 'AWS_ENDPOINT_URL');
  const ofService = readEndpoint(env, 'AWS_ENDPOINT_URL_COGNITO_SYNC');
  const ofPool = identityPoolId?.split(':')[0];
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || ofPool || DEFAULT_REGION;
  if ((ofService ?? endpoint) === undefined && ofPool !== undefined && ofPool !== region) {
    throw new UsageError(
      `${identityPoolId} is in ${ofPool}, but AWS_REGION=${region}; set AWS_REGION to the region of the pool and its stream`,
    );
  }
  const credentials = localCredentials(env, endpoint);
  const [developer] = ofService === undefined ? [] : (readServiceKeysJson(env).developers ?? []);
  const failures = readFailureDestination(env);
  const parallelizationFactor = readParallelizationFactor(env);
  // Imported on demand, because loading this module takes longer than loading all other modules.
  const { openOperatedService } = await import('../../lib/aws/operated-service.ts');
  return openOperatedService({
    region,
    failures,
    parallelizationFactor,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
    ...(ofService !== undefined && {
      service: { endpoint: ofService, ...(developer !== undefined && { credentials: developer }) },
    }),
  });
}

/**
 * Returns credentials if the service is on this machine and the environment names none: the first developer key of
 * SERVICE_KEYS, or the default credentials of a local cloud. Otherwise returns undefined; the SDK then looks for
 * credentials.
 */
function localCredentials(env: Environment, endpoint: string | undefined): Credentials | undefined {
  const isNamed = [env.AWS_ACCESS_KEY_ID, env.AWS_PROFILE].some(Boolean);
  const host = endpoint === undefined ? '' : new URL(endpoint).hostname.replaceAll(/[[\]]/g, '');
  return !isNamed && isLoopback(host) ? readServiceKeys(env).developers[0] : undefined;
}
