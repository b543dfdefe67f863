import { plainArray, textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import {
  type CopiedRow,
  changeCopiedProviders,
  copiedProviders,
  MARK_CHANGED,
  READ_COPIED,
} from './copied-identities.ts';
import {
  LINK_LOGINS,
  LOCK_IDENTITY,
  type LockedIdentityRow,
  MARK_UNLINKED,
  UNLINK_LOGINS,
} from './identity-statements.ts';
import { loginId } from './login-id.ts';

const LIST_LOGINS_OF = `
SELECT login_id, user_id FROM identity.logins WHERE identity_id = $1 AND provider = $2`;

interface DeveloperUsers {
  identityPoolId: string;
  identityId: string;
  /** The name of the developer provider. */
  provider: string;
  userIds: readonly string[];
  /** Epoch milliseconds. */
  at: number;
}

/**
 * Links an identity to exactly those developer users that it has at the other service.
 * @returns the number of users that belong to another identity here, and were not linked
 */
export async function linkDeveloperUsers(
  on: Transaction,
  { identityPoolId, identityId, provider, userIds, at }: DeveloperUsers,
): Promise<number> {
  const { rows: locked } = await on.query<LockedIdentityRow>(LOCK_IDENTITY, [identityId]);
  if (!locked[0]) return 0;
  const { rows } = await on.query<{ login_id: string; user_id: string }>(LIST_LOGINS_OF, [
    identityId,
    provider,
  ]);
  const gone = rows.filter((row) => !userIds.includes(row.user_id)).map((row) => row.login_id);
  if (gone.length > 0) {
    await on.query(UNLINK_LOGINS, [identityId, plainArray(gone), '{}']);
    await on.query(MARK_UNLINKED, [identityId, at]);
  }
  const added = userIds.filter((userId) => !rows.some((row) => row.user_id === userId));
  const ids = added.map((userId) => loginId(identityPoolId, { provider, userId }));
  const { rowsChanged } = await on.query(LINK_LOGINS, [
    identityPoolId,
    identityId,
    at,
    plainArray(ids),
    textArray(added.map(() => provider)),
    textArray(added),
  ]);
  if (gone.length + rowsChanged > 0) await on.query(MARK_CHANGED, [identityId, at]);
  const [stored] = (await on.query<CopiedRow>(READ_COPIED, [textArray([identityId])])).rows;
  const kept = stored ? copiedProviders(stored).filter((name) => name !== provider) : [];
  // If no user was linked, the provider stays among the copied providers. Otherwise the identity would count as a
  // guest, which anyone who knows its id can use.
  if (userIds.length > added.length - rowsChanged) await changeCopiedProviders(on, identityId, kept);
  return added.length - rowsChanged;
}
