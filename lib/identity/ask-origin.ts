import type { IdentityDependencies } from './dependencies.ts';
import type { IdentityPoolDescription } from './model.ts';
import type { LoginQuestion } from './ports/identity-store.ts';
import type { AskedOperation } from './ports/origin-logins.ts';
import type { PresentedLogins } from './read-logins.ts';

/**
 * Creates the question whose logins a client presents. If the pool is being migrated, and a login belongs to no identity
 * here, its owner may be a copied identity. Then asks the origin first, which alone knows the users of copied identities.
 *
 * The client's own operation is used if it names an identity: GetId would create another identity at the origin. A token of
 * this service proves nothing there, so the origin is then only asked whose the other logins are.
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
