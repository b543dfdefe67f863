import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import type { FoundLogins, LivingIdentity, Login, LoginQuestion } from '../ports/identity-store.ts';
import { copiedProviders } from './copied-identities.ts';
import { FIND_LOGINS, type FoundRow } from './identity-statements.ts';
import { loginId } from './login-id.ts';

/** Implements `IdentityStore.findLogins`, inside or outside a transaction. */
export async function findLogins(
  on: Transaction,
  { identityPoolId, asked, proven, logins, named: atOrigin = null }: LoginQuestion,
): Promise<FoundLogins> {
  const named = [asked, proven, atOrigin].filter((identityId) => identityId !== null);
  const ids = new Map(logins.map((login) => [login, loginId(identityPoolId, login)]));
  const values = [identityPoolId, textArray(named), plainArray([...ids.values()])];
  const { rows } = await on.query<FoundRow>(FIND_LOGINS, values);
  const rowsOf = Map.groupBy(rows, ({ found_by }) => found_by);
  const found = new Map(
    rows.map((row) => [row.found_by, toLivingIdentity(row, rowsOf.get(row.found_by) ?? [])]),
  );
  const ownerOf = (login: Login) => found.get(ids.get(login) ?? '');
  return {
    asked: found.get(asked ?? '') ?? null,
    proven: found.get(proven ?? '') ?? null,
    ...(atOrigin !== null && { named: found.get(atOrigin) ?? null }),
    owned: logins.flatMap((login) => {
      const owner = ownerOf(login);
      return owner ? [{ login, owner }] : [];
    }),
    unowned: logins.filter((login) => !ownerOf(login)),
  };
}

function toLivingIdentity(row: FoundRow, rows: readonly FoundRow[]): LivingIdentity {
  const copied = copiedProviders(row);
  const providers = [...rows.flatMap(({ provider }) => provider ?? []), ...copied].sort();
  const hasLogin = providers.length > 0;
  return {
    identityId: row.identity_id,
    createdAt: row.created_ms,
    isGuest: !hasLogin && row.unlinked_ms === null,
    isUnlinked: !hasLogin && row.unlinked_ms !== null,
    unlinkedAt: row.unlinked_ms,
    providers,
    copied,
  };
}
