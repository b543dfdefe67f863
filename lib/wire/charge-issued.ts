import type { IdentityKey } from '../common/dataset-key.ts';
import type { IdentityDependencies } from '../identity/dependencies.ts';
import type { RateLimits } from './rate-limits.ts';

/**
 * Counts credentials and tokens against the rate limit of the identity's pool when they are issued. They cannot be
 * counted earlier, because the requests do not name the pool: the pool is known only after the identity is
 * authenticated. Do not use this function for the operations of developers, who have no rate limits.
 *
 * @returns the same dependencies, except that issuing throws {ServiceError} TooManyRequestsException above the limit
 */
export function chargeIssued<Deps extends Pick<IdentityDependencies, 'credentials' | 'openIdTokens'>>(
  dependencies: Deps,
  limits: RateLimits,
): Deps {
  const { credentials, openIdTokens } = dependencies;
  const charge = ({ identityPoolId }: IdentityKey) => limits.charge('issuing', identityPoolId, 1);
  return {
    ...dependencies,
    credentials: {
      ...credentials,
      issue(identity) {
        charge(identity);
        return credentials.issue(identity);
      },
    },
    openIdTokens: {
      ...openIdTokens,
      issue(identity, ...rest) {
        charge(identity);
        return openIdTokens.issue(identity, ...rest);
      },
    },
  } satisfies Pick<IdentityDependencies, 'credentials' | 'openIdTokens'> & Deps;
}
