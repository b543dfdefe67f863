import type { IdentityKey } from '../../common/dataset-key.ts';
import { textArray } from '../../database/array-literal.ts';
import type { Database } from '../../database/database.ts';
import { listDeletedMerges } from './deleted-merges.ts';

const READ_IDENTITY = 'SELECT identity_pool_id, merged_into FROM identity.identities WHERE identity_id = $1';

const LIST_MERGED = 'SELECT identity_id FROM identity.identities WHERE merged_into = ANY ($1::text[])';

const COUNT = `
SELECT
  (SELECT count(*) FROM identity.identities WHERE identity_pool_id = $1 AND identity_id = $2) AS identities,
  (SELECT count(*) FROM identity.logins WHERE identity_pool_id = $1 AND identity_id = $2) AS logins`;

/**
 * Creates the part of the identity store that `erase` uses, on any `Database`. The members are those of
 * `ServiceTables`.
 */
export function createMergedIdentities(database: Database) {
  return {
    async describe({ identityId }: IdentityKey) {
      const { rows } = await database.query<{ identity_pool_id: string; merged_into: string | null }>(
        READ_IDENTITY,
        [identityId],
      );
      return {
        identityPoolId: rows[0]?.identity_pool_id ?? null,
        mergedInto: rows[0]?.merged_into ?? null,
        merged: await listMerged(database, identityId),
      };
    },

    async identityExists({ identityId }: IdentityKey): Promise<boolean> {
      return (await database.query(READ_IDENTITY, [identityId])).rows.length > 0;
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

/**
 * Returns all identities that were ever merged into an identity, directly or through other identities, sorted. Finding
 * them can take several steps. If identity C was merged into B and deleted, and then B was merged into A, C is still
 * stored as merged into B.
 */
async function listMerged(database: Database, identityId: string): Promise<string[]> {
  const merged = new Set<string>();
  for (let step = [identityId]; step.length > 0; ) {
    const found = [...(await listStored(database, step)), ...(await listDeletedMerges(database, step))];
    step = found.filter((id) => id !== identityId && !merged.has(id));
    for (const id of step) merged.add(id);
  }
  return [...merged].sort();
}

async function listStored(database: Database, into: readonly string[]): Promise<string[]> {
  const { rows } = await database.query<{ identity_id: string }>(LIST_MERGED, [textArray(into)]);
  return rows.map((row) => row.identity_id);
}
