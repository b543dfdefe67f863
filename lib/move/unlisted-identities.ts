import type { OriginIdentity } from './ports/origin.ts';

/** Maximum difference between the clocks of the origin and of this service. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Says how an identity can be used that is not among the usable identities of a copy. One without logins is disabled at
 * the origin: its logins were unlinked, or it was merged into another identity. Here it must not become a guest, which
 * anyone who knows its id can use. If it was created after the copy started, it may be a new guest.
 *
 * @param startedAt the start of the copy, epoch milliseconds
 */
export function stateOfUnlisted(
  { providers, createdAt }: OriginIdentity,
  startedAt: number,
): 'usable' | 'disabled' | 'perhaps new' {
  if (providers.length > 0) return 'usable';
  return createdAt < startedAt - CLOCK_SKEW_MS ? 'disabled' : 'perhaps new';
}
