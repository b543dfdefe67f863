import type { IdentityDependencies } from './dependencies.ts';
import type { IdentityPoolDescription } from './model.ts';
import type { LoginQuestion } from './ports/identity-store.ts';
import type { AskedOperation } from './ports/origin-logins.ts';
import type { PresentedLogins } from './read-logins.ts';

/**
 * Creates the `LoginQuestion` for the logins that a client presents. If the pool is being migrated, a login that
 * belongs to no identity here may belong to a copied identity. Only the origin knows the users of copied identities, so
 * this function asks the origin to which identity the logins belong.
 *
 * This function calls the operation at the origin that the client called here. If the client names an identity, GetId
 * would be wrong: for a login that is new at the origin, it would create another identity there. The exception is a
 * client that has proven its identity with a token of this service. The origin does not accept this token, so this
 * function calls GetId, and presents only the other logins.
 *
 * @throws {ServiceError} the errors of `OriginLogins.identityOf`
 */
export async function askOrigin(
  { store, origin }: Pick<IdentityDependencies, 'store' | 'origin'>,
  pool: IdentityPoolDescription,
  {
    operation,
    asked,
    presented,
  }: { operation: AskedOperation; asked: string | null; presented: PresentedLogins },
): Promise<LoginQuestion> {
  const { proven, provenAt, logins, forOrigin, isProvenByOrigin } = presented;
  const question = { identityPoolId: pool.IdentityPoolId, asked, proven, provenAt, logins };
  if (logins.length === 0 || !(await origin.isMoving(pool.IdentityPoolId))) return question;
  const { unowned } = await store.findLogins(question);
  if (unowned.length === 0) return question;
  const isOwnProof = proven !== null && !isProvenByOrigin;
  const named = await origin.identityOf({
    pool,
    operation: isOwnProof ? 'GetId' : operation,
    identityId: isOwnProof ? null : asked,
    logins: forOrigin,
    unknown: unowned.map(({ provider }) => provider),
  });
  return named === null ? question : { ...question, named };
}
