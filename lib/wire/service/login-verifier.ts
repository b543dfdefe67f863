import { createProviderFetch } from '../../aws/provider-fetch.ts';
import type { LoginProviders } from '../../common/login-providers.ts';
import { loopbackOrigins } from '../../common/read-login-settings.ts';
import { createLoginVerifier, type LoginVerifier } from '../../identity/logins/verify-logins.ts';
import { createFailureLogger } from './failure-logger.ts';

/** Creates the verification of logins, and logs why a provider is unavailable. */
export function openLoginVerifier(settings: LoginProviders): LoginVerifier {
  const logger = createFailureLogger('logins');
  return createLoginVerifier({
    settings,
    fetchJson: createProviderFetch({ loopbackOrigins: loopbackOrigins(settings) }),
    now: Date.now,
    report: (provider, error) => logger.error('a login provider is unavailable', { provider, error }),
  });
}
