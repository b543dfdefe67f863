import { ServiceError } from '../common/errors.ts';
import type { IdentityDependencies } from './dependencies.ts';
import { invalidLoginToken } from './errors.ts';
import { findPool } from './find-pool.ts';
import type { FoundLogins, LinkDecision, LivingIdentity, LoginQuestion } from './ports/identity-store.ts';

/**
 * Maximum number of attempts to write a decision. An attempt fails only if another request changed the same logins or
 * identities after they were read. The limit is reached only if many other requests change them in quick succession.
 */
const ATTEMPTS = 10;

/**
 * Reads the stored logins, decides how to change them and writes the decision. Returns once the datasets of merged
 * identities are moved to the surviving identity. If moving them fails, the identities remain merged, a repeated
 * request returns the surviving identity, and `finishMerges` moves the datasets later.
 *
 * @param decide decides on the stored state; called again if that state changed in the meantime. `asked` is null if the
 *   requested identity is not in the pool.
 * @returns the client's identity id
 * @throws {ServiceError} ResourceNotFoundException if the pool no longer exists; NotAuthorizedException if the identity
 *   named in the client's OpenID token is not in the pool or is inaccessible; TooManyRequestsException if other
 *   requests keep changing these logins; any error that `decide` throws
 */
export async function changeLogins(
  { store, mergeDatasets, now }: Pick<IdentityDependencies, 'store' | 'mergeDatasets' | 'now'>,
  question: LoginQuestion,
  decide: (found: FoundLogins) => LinkDecision,
): Promise<string> {
  const { identityPoolId, proven, provenAt = null } = question;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const found = await store.findLogins(question);
    if (proven !== null && !isProof(found.proven, provenAt)) throw invalidLoginToken();
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

/**
 * A token proves an identity only while the identity exists and is accessible. A token that was issued before a login was
 * unlinked no longer proves the identity, because the token may have been issued for that login.
 */
export function isProof(
  identity: Pick<LivingIdentity, 'isUnlinked' | 'unlinkedAt'> | null,
  issuedAt: number | null,
): boolean {
  if (identity === null || identity.isUnlinked) return false;
  return identity.unlinkedAt === null || (issuedAt !== null && issuedAt >= identity.unlinkedAt);
}

function changesNothing({ isNew, link, merge, unlink }: LinkDecision): boolean {
  return !isNew && link.length === 0 && merge.length === 0 && unlink === undefined;
}
