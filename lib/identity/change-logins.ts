import { ServiceError } from '../common/errors.ts';
import type { IdentityDependencies } from './dependencies.ts';
import { identityNotFound, invalidLoginToken } from './errors.ts';
import { findPool } from './find.ts';
import type { FoundLogins, LinkDecision, LoginQuestion } from './identity-store.ts';

/** Each time that a decision comes to nothing another one was made, so that this is never reached by chance. */
const ATTEMPTS = 10;

/**
 * Makes what was decided so. The answer waits until the datasets of merged identities are copied; if that fails, the
 * merge is made nevertheless, and asking again answers the identity that stayed.
 *
 * @param decide on what is stored; once more where that was changed meanwhile
 * @returns who the client is
 * @throws {ServiceError} ResourceNotFoundException: the identity asked for is not in the pool, or the pool is gone;
 *   TooManyRequestsException: others keep changing these logins; what `decide` throws
 */
export async function changeLogins(
  { store, mergeDatasets, now }: Pick<IdentityDependencies, 'store' | 'mergeDatasets' | 'now'>,
  question: LoginQuestion,
  decide: (found: FoundLogins) => LinkDecision,
): Promise<string> {
  const { identityPoolId, asked, proven } = question;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const found = await store.findLogins(question);
    if (asked !== null && found.asked === null) throw identityNotFound(asked);
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
  throw new ServiceError('TooManyRequestsException', 'others keep changing these logins; try again');
}

function changesNothing({ isNew, link, merge }: LinkDecision): boolean {
  return !isNew && link.length === 0 && merge.length === 0;
}
