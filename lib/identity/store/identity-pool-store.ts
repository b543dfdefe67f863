import { isDeepStrictEqual } from 'node:util';
import type { Database, Transaction } from '../../database/database.ts';
import { MARK_POOL, READ_IS_LEFT } from '../../sync/store/pool-data-statements.ts';
import { changeOnce, transact } from '../../sync/store/transact.ts';
import type { IdentityPoolDescription, RoleSettings } from '../model.ts';
import type { IdentityStore } from '../ports/identity-store.ts';
import {
  CHANGE_ROLE_SETTINGS,
  CHANGE_SETTINGS,
  CREATE_POOL_WITH_SETTINGS,
  LIST_SETTINGS,
  LOCK_ROLE_SETTINGS,
  LOCK_SETTINGS,
  type PoolSettingsRow,
  READ_ROLE_SETTINGS,
  READ_SETTINGS,
  type RoleSettingsRow,
} from './identity-statements.ts';

type IdentityPoolStore = Pick<
  IdentityStore,
  | 'readPool'
  | 'createPool'
  | 'changePool'
  | 'readRoleSettings'
  | 'changeRoleSettings'
  | 'listPools'
  | 'markDeleted'
>;

/**
 * Creates the part of the identity store that handles identity pools, on any `Database`. The pools' Cognito Sync
 * settings are in the pool store of lib/sync.
 */
export function createIdentityPoolStore(database: Database): IdentityPoolStore {
  return {
    async readPool(identityPoolId) {
      const { rows } = await database.query<PoolSettingsRow>(READ_SETTINGS, [identityPoolId]);
      return rows[0] ? toPool(rows[0]) : null;
    },

    async createPool(pool, createdAt) {
      const values = [pool.IdentityPoolId, createdAt, settingsOf(pool)];
      await changeOnce(database, CREATE_POOL_WITH_SETTINGS, values);
    },

    changePool(before, pool) {
      const { IdentityPoolId } = pool;
      return transact(database, async (transaction) => {
        const { rows } = await transaction.query<PoolSettingsRow>(LOCK_SETTINGS, [IdentityPoolId]);
        if (!rows[0] || !isDeepStrictEqual(toPool(rows[0]), before)) return false;
        await changeSettings(transaction, pool);
        return true;
      });
    },

    async readRoleSettings(identityPoolId) {
      const { rows } = await database.query<RoleSettingsRow>(READ_ROLE_SETTINGS, [identityPoolId]);
      return rows[0] ? toRoleSettings(rows[0]) : null;
    },

    changeRoleSettings(identityPoolId, change) {
      return transact(database, async (transaction) => {
        const { rows } = await transaction.query<RoleSettingsRow>(LOCK_ROLE_SETTINGS, [identityPoolId]);
        if (!rows[0]) return false;
        const settings = JSON.stringify(change(toRoleSettings(rows[0])));
        await transaction.query(CHANGE_ROLE_SETTINGS, [identityPoolId, settings]);
        return true;
      });
    },

    async listPools({ after, limit }) {
      const { rows } = await database.query<PoolSettingsRow>(LIST_SETTINGS, [after, limit]);
      return rows.map(toPool);
    },

    async markDeleted(identityPoolId, deletedAt) {
      const { rowsChanged } = await changeOnce(database, MARK_POOL, [identityPoolId, deletedAt]);
      if (rowsChanged === 1) return true;
      const { rows } = await database.query<{ is_left: boolean }>(READ_IS_LEFT, [identityPoolId]);
      return rows[0]?.is_left ?? false;
    },
  };
}

/** Settings of a pool that was created without settings: by the command `pools add`, or at the first start. */
const DEFAULT_SETTINGS = { IdentityPoolName: 'cognito-sync-backend', AllowUnauthenticatedIdentities: true };

function toPool({ identity_pool_id, identity_settings }: PoolSettingsRow): IdentityPoolDescription {
  const settings = identity_settings === null ? DEFAULT_SETTINGS : JSON.parse(identity_settings);
  return { ...settings, IdentityPoolId: identity_pool_id };
}

function toRoleSettings({ role_settings }: RoleSettingsRow): RoleSettings {
  return role_settings === null ? {} : JSON.parse(role_settings);
}

/** Writes the settings of an existing pool. */
export async function changeSettings(on: Transaction, pool: IdentityPoolDescription): Promise<void> {
  await on.query(CHANGE_SETTINGS, [pool.IdentityPoolId, settingsOf(pool)]);
}

function settingsOf({ IdentityPoolId: _, ...settings }: IdentityPoolDescription): string {
  return JSON.stringify(settings);
}
