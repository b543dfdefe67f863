import type { OriginIdentity } from './ports/origin.ts';

/** Maximum difference between the clocks of the origin and of this service. */
const CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Says whether clients may use an identity that the origin did not list as usable. An old identity without logins is
 * disabled at the origin: its logins were unlinked, or it was merged into another identity. It must not become a guest
 * here, because anyone who knows the id of a guest can use it. An identity that was created after the copy started may
 * be a new guest.
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
