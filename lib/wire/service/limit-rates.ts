import { createLogger } from '../../aws/telemetry.ts';
import type { RateLimitSettings } from '../../common/rate-limit-settings.ts';
import { createSteadyClock } from '../../common/steady-clock.ts';
import { createRateLimits, NO_RATE_LIMITS, type RateLimits } from '../rate-limits.ts';

/**
 * Creates the rate limits of the service. Requests that exceed a limit are logged.
 * @param settings null for no limits
 */
export function limitRates(settings: RateLimitSettings | null): RateLimits {
  if (settings === null) return NO_RATE_LIMITS;
  const logger = createLogger('rate-limits');
  return createRateLimits({
    settings,
    now: createSteadyClock(),
    report: (refused) => logger.warn('requests exceed a rate limit', { ...refused }),
  });
}
