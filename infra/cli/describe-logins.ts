import type { Environment } from '../../lib/common/environment.ts';
import { loopbackOrigins, readLoginProviders } from '../../lib/common/read-login-settings.ts';
import type { CommandDeps } from './command.ts';

/**
 * Returns a function that describes the login providers of pools. It loads the providers' keys itself, because this
 * process does not run the service.
 * @throws {SetupError} LOGIN_PROVIDERS is invalid
 */
export function createDescribeLogins(env: Environment): CommandDeps['describeLogins'] {
  return async (pool) => {
    if (env.LOGINS === 'trusted') return null;
    const settings = readLoginProviders(env);
    // Imported on demand, because only one command needs these modules.
    const [{ createLoginVerifier }, { createProviderFetch }] = await Promise.all([
      import('../../lib/identity/logins/verify-logins.ts'),
      import('../../lib/aws/provider-fetch.ts'),
    ]);
    const fetchJson = createProviderFetch({ loopbackOrigins: loopbackOrigins(settings) });
    return createLoginVerifier({ settings, fetchJson, now: Date.now }).describe(pool);
  };
}
