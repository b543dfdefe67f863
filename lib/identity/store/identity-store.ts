import type { Database } from '../../database/database.ts';
import { changeOnce } from '../../sync/store/transact.ts';
import type { IdentityStore, StoredIdentity } from '../ports/identity-store.ts';
import { applyLinks } from './apply-links.ts';
import { copiedProviders } from './copied-identities.ts';
import { deleteIdentity } from './delete-identity.ts';
import { findLogins } from './find-logins.ts';
import { createIdentityPoolStore } from './identity-pool-store.ts';
import {
  CREATE_IDENTITY,
  type IdentityRow,
  LIST_IDENTITIES,
  LIST_LOGINS,
  MARK_USED,
  READ_IDENTITY,
} from './identity-statements.ts';

/** Creates the store of identity pools, identities and logins, on any `Database`. */
export function createIdentityStore(database: Database): IdentityStore {
  return {
    ...createIdentityPoolStore(database),

    async readIdentity(identityId) {
      const { rows } = await database.query<IdentityRow>(READ_IDENTITY, [identityId]);
      return toIdentities(rows)[0] ?? null;
    },

    async listIdentities({ identityPoolId, after, limit, hideDisabled }) {
      const values = [identityPoolId, after, limit, hideDisabled];
      const { rows } = await database.query<IdentityRow>(LIST_IDENTITIES, values);
      return toIdentities(rows);
    },

    async createGuest({ identityPoolId, identityId }, createdAt) {
      const values = [identityPoolId, identityId, createdAt];
      const { rowsChanged } = await changeOnce(database, CREATE_IDENTITY, values);
      return rowsChanged === 1;
    },

    async markUsed(identityId, at) {
      return (await database.query(MARK_USED, [identityId, at])).rowsChanged === 1;
    },

    async listUsers({ identityId, provider, after, limit }) {
      const values = [identityId, provider, after, limit];
      const { rows } = await database.query<{ login_id: string; user_id: string }>(LIST_LOGINS, values);
      return rows.map((row) => ({ position: row.login_id, userId: row.user_id }));
    },

    findLogins: (question) => findLogins(database, question),
    applyLinks: (change) => applyLinks(database, change),
    deleteIdentity: (identityId, at) => deleteIdentity(database, identityId, at),
  };
}

/**
 * Groups rows into identities, in the order of the rows. An identity has one row per provider, or one row if it has
 * no provider.
 */
function toIdentities(rows: readonly IdentityRow[]): StoredIdentity[] {
  const rowsOf = Map.groupBy(rows, ({ identity_id }) => identity_id);
  const identities = new Map(rows.map((row) => [row.identity_id, row]));
  return [...identities.values()].map((row) => toIdentity(row, rowsOf.get(row.identity_id) ?? []));
}

function toIdentity(row: IdentityRow, rows: readonly IdentityRow[]): StoredIdentity {
  return {
    identityId: row.identity_id,
    identityPoolId: row.identity_pool_id,
    createdAt: row.created_ms,
    modifiedAt: row.modified_ms,
    usedAt: row.used_ms,
    unlinkedAt: row.unlinked_ms,
    mergedInto: row.merged_into,
    providers: [
      ...new Set([...rows.flatMap(({ provider }) => provider ?? []), ...copiedProviders(row)]),
    ].sort(),
  };
}
