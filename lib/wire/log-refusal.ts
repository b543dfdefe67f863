import { DatabaseError } from '../database/database.ts';
import type { Refusal } from './errors.ts';
import type { WireLogger } from './wire-response.ts';

/**
 * Logs why a request receives an error response. If the response tells the caller everything about the error, the entry
 * is only for debugging. All other errors are logged for the operator, including those of a busy database.
 *
 * @param refusal the error response; undefined for an internal error
 * @param request its id, and the name of its operation if this is known
 */
export function logRefusal(
  logger: WireLogger,
  error: unknown,
  refusal: Refusal | undefined,
  request: { requestId: string; operation?: string | undefined },
): void {
  if (refusal === undefined || error instanceof DatabaseError) {
    logger.error('a request failed', { ...request, error });
  } else {
    logger.debug?.('a request was rejected', { ...request, code: refusal.code });
  }
}
