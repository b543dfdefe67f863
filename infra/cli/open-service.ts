import type { OperatedService } from '../../lib/backfill/operated-service.ts';
import {
  type Credentials,
  DEFAULT_CREDENTIALS,
  DEFAULT_REGION,
  type Environment,
} from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { readFailures, readParallelizationFactor } from '../../lib/common/function-settings.ts';
import { isLoopback } from '../../lib/common/loopback.ts';
import { UsageError } from './command.ts';

/**
 * The service that the environment names: the one at AWS_ENDPOINT_URL, else Amazon's.
 *
 * @param identityPoolId the pool in question: where AWS_REGION does not say otherwise, its region is taken
 * @throws {SetupError} a variable is wrong
 * @throws {UsageError} the pool is in another region than the one that is asked
 */
export async function openService(env: Environment, identityPoolId?: string): Promise<OperatedService> {
  const endpoint = readEndpoint(env);
  const ofPool = identityPoolId?.split(':')[0];
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION || ofPool || DEFAULT_REGION;
  if (endpoint === undefined && ofPool !== undefined && ofPool !== region) {
    throw new UsageError(
      `${identityPoolId} is in ${ofPool}, and AWS_REGION=${region} says to ask there; a pool and its stream are in one region`,
    );
  }
  const credentials = localCredentials(env, endpoint);
  const failures = readFailures(env);
  const parallelizationFactor = readParallelizationFactor(env);
  // Loaded for those who need it: it takes longer than everything else together.
  const { openOperatedService } = await import('../../lib/aws/operated-service.ts');
  return openOperatedService({
    region,
    failures,
    parallelizationFactor,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  });
}

function readEndpoint({ AWS_ENDPOINT_URL: value }: Environment): string | undefined {
  if (!value) return undefined;
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new SetupError(
      'AWS_ENDPOINT_URL is not an address of http or https; one looks like http://127.0.0.1:4580',
    );
  }
  return value.replace(/\/$/, '');
}

/** Those that `npm start` takes by default, where the environment names none and the service is on this machine. */
function localCredentials(env: Environment, endpoint: string | undefined): Credentials | undefined {
  const isNamed = [env.AWS_ACCESS_KEY_ID, env.AWS_PROFILE].some(Boolean);
  const host = endpoint === undefined ? '' : new URL(endpoint).hostname.replaceAll(/[[\]]/g, '');
  return !isNamed && isLoopback(host) ? DEFAULT_CREDENTIALS : undefined;
}
