import { ServiceError } from '../common/errors.ts';
import type { IdentityDependencies } from './dependencies.ts';
import { invalidLoginToken } from './errors.ts';
import { findPool } from './find-pool.ts';
import type { FoundLogins, LinkDecision, LoginQuestion } from './ports/identity-store.ts';

/**
 * Maximum number of attempts. An attempt fails only if another change has succeeded in the meantime, so only a long
 * series of other changes can reach this limit.
 */
const ATTEMPTS = 10;

/**
 * Reads the stored logins, decides how to change them and writes the decision. Returns once the datasets of merged
 * identities are copied. If copying fails, the merge of the identities remains. A repeated request then returns the
 * surviving identity.
 *
 * @param decide called with the stored state; called again if that state changed in the meantime
 * @returns the client's identity id
 * @throws {ServiceError} ResourceNotFoundException if the pool is gone; NotAuthorizedException if the identity of the
 *   client's own token is not in the pool; TooManyRequestsException if other requests keep changing these logins;
 *   errors of `decide`, which receives null for a requested identity that is not in the pool
 */
export async function changeLogins(
  { store, mergeDatasets, now }: Pick<IdentityDependencies, 'store' | 'mergeDatasets' | 'now'>,
  question: LoginQuestion,
  decide: (found: FoundLogins) => LinkDecision,
): Promise<string> {
  const { identityPoolId, proven } = question;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const found = await store.findLogins(question);
    if (proven !== null && found.proven === null) throw invalidLoginToken();
    const decision = decide(found);
    const at = now();
    if (changesNothing(decision)) return decision.identityId;
    if (!(await store.applyLinks({ question, found, decision, at }))) {
      await findPool(store, identityPoolId);
      continue;
    }
    for (const identityId of decision.merge) {
      const from = { identityPoolId, identityId };
      await mergeDatasets({ from, into: decision.identityId, mergedAt: at });
    }
    return decision.identityId;
  }
  throw new ServiceError('TooManyRequestsException', 'other requests keep changing these logins; try again');
}

function changesNothing({ isNew, link, merge }: LinkDecision): boolean {
  return !isNew && link.length === 0 && merge.length === 0;
}
