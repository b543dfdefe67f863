import type { IdentityKey } from '../../common/dataset-key.ts';
import type { Database } from '../../database/database.ts';

const READ_PERSON = `
SELECT identity_id, identity_pool_id, merged_into FROM identity.identities
WHERE identity_id = $1 OR merged_into = $1`;

const COUNT = `
SELECT
  (SELECT count(*) FROM identity.identities WHERE identity_pool_id = $1 AND identity_id = $2) AS identities,
  (SELECT count(*) FROM identity.logins WHERE identity_pool_id = $1 AND identity_id = $2) AS logins`;

interface PersonRow {
  identity_id: string;
  identity_pool_id: string;
  merged_into: string | null;
}

/**
 * Creates the part of the identity store that `erase` uses, on any `Database`. The members are those of
 * `ServiceTables`.
 */
export function createMergedIdentities(database: Database) {
  return {
    /** One step is enough: all identities that were merged point to the identity that survived the last merge. */
    async describe({ identityId }: IdentityKey) {
      const { rows } = await database.query<PersonRow>(READ_PERSON, [identityId]);
      const own = rows.find((row) => row.identity_id === identityId);
      const merged = rows.filter((row) => row.merged_into === identityId).map((row) => row.identity_id);
      return {
        identityPoolId: own?.identity_pool_id ?? null,
        mergedInto: own?.merged_into ?? null,
        merged: merged.toSorted(),
      };
    },

    async countIdentity({ identityPoolId, identityId }: IdentityKey) {
      const { rows } = await database.query<{ identities: number; logins: number }>(COUNT, [
        identityPoolId,
        identityId,
      ]);
      return rows[0] ?? { identities: 0, logins: 0 };
    },
  };
}
