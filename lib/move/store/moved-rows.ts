import type { IdentityKey } from '../../common/dataset-key.ts';
import type { Database } from '../../database/database.ts';
import { identityRowId } from '../../database/row-ids.ts';
import { countMarksOf, removeUnusedMarks } from '../../sync/store/replica/marks.ts';
import { COUNT_MOVED_OF, DELETE_CONFLICTS_OF, DELETE_PENDING_OF_IDENTITY } from './bridge-statements.ts';
import { MARK_DELETED_REPLICA } from './move-statements.ts';

/** Creates the part of the store of migrations that deletes what is stored about an identity, on any `Database`. */
export function createMovedRows(database: Database) {
  return {
    /**
     * Counts what migrations store about an identity: decided conflicts, keys that the bridge remembers, and datasets that
     * wait for the bridge.
     */
    async count(identity: IdentityKey) {
      const { identityPoolId, identityId } = identity;
      const values = [identityRowId(identity), identityPoolId, identityId];
      const { rows } = await database.query<{ conflicts: number; keys: number }>(COUNT_MOVED_OF, values);
      return {
        conflicts: rows[0]?.conflicts ?? 0,
        bridgedKeys: rows[0]?.keys ?? 0,
        unbridgedDatasets: await countMarksOf(database, identity),
      };
    },

    /**
     * Removes what migrations store about an identity that is deleted. While the pool is being migrated, the bridge
     * still has to delete the datasets at the origin, so their marks remain until then. The row of a replica, which
     * contains only a hash of the id, remains as well: because of this row, a later copy does not create the identity
     * again. The row is marked as deleted, because there is nothing left to take over.
     *
     * @param at the current time, epoch milliseconds
     */
    async erase(identity: IdentityKey, at: number): Promise<void> {
      await database.query(MARK_DELETED_REPLICA, [identityRowId(identity), at]);
      await database.query(DELETE_CONFLICTS_OF, [identity.identityPoolId, identity.identityId]);
      await database.query(DELETE_PENDING_OF_IDENTITY, [identityRowId(identity)]);
      await removeUnusedMarks(database, identity);
    },
  };
}
