import { DatabaseError } from '../database/database.ts';
import { ProviderUnavailableError } from '../identity/ports/fetch-json.ts';
import { PushError } from '../sync/ports/push.ts';
import type { WireLogger } from './wire-response.ts';

const INTERVAL_MS = 60_000;
/**
 * Maximum number of remembered causes. Usually there are few. When the maximum is reached, all causes are forgotten,
 * which costs only some additional log lines.
 */
const MAX_CAUSES = 100;

/**
 * Wraps a logger so that it writes at most one line per minute for each cause. The cause is derived from `error` in the
 * details, and from `provider` if a login provider is unavailable; calls without `error` are always logged. Each line
 * has the number of failures since the last line for the same cause. Errors of a database are logged without their
 * stack, because the stack shows only code of the driver. Errors of a push channel are logged without their stack,
 * because their message has the provider's reason.
 *
 * @param now milliseconds of a clock that never goes back
 */
export function logByCause(logger: WireLogger, now: () => number): WireLogger {
  const causes = new Map<string, { failures: number; logAt: number }>();
  return {
    error(message, { error, ...details } = {}) {
      if (error === undefined) {
        logger.error(message, details);
        return;
      }
      const cause = causeOf(error, details.provider);
      if (causes.size >= MAX_CAUSES && !causes.has(cause)) causes.clear();
      const seen = causes.get(cause) ?? { failures: 0, logAt: Number.NEGATIVE_INFINITY };
      causes.set(cause, seen);
      seen.failures += 1;
      if (now() < seen.logAt) {
        logger.debug?.(message, { ...details, cause });
        return;
      }
      const isDescribedByCause = error instanceof DatabaseError || error instanceof PushError;
      const described = isDescribedByCause ? { cause } : { error };
      logger.error(message, { ...details, ...described, failures: seen.failures });
      seen.failures = 0;
      seen.logAt = now() + INTERVAL_MS;
    },
  };
}

/**
 * Returns the name of a cause. An error of a database is named by its code and message, that of a login provider by the
 * provider and the message, that of a push channel by the message, and any other error by the place in the code that
 * threw it.
 */
function causeOf(error: unknown, provider: unknown): string {
  if (error instanceof ProviderUnavailableError) return `${error.name} ${provider}: ${error.message}`;
  if (error instanceof DatabaseError) return `${error.name} ${error.code ?? ''}: ${error.message}`;
  if (error instanceof PushError) return `${error.name}: ${error.message}`;
  if (!(error instanceof Error)) return typeof error;
  const [frame = ''] = /^\s+at .*$/m.exec(error.stack ?? '') ?? [];
  return `${error.name} ${frame.trim()}`;
}
