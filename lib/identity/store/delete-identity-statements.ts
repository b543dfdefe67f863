// Statements of the transactions that delete an identity.

export interface MergedRow {
  identity_pool_id: string;
  identity_id: string;
}

/** Returns identities that were merged into the identity $1. $2: the maximum number of identities. */
export const LIST_MERGED = `
SELECT identity_pool_id, identity_id FROM identity.identities
WHERE merged_into = $1
ORDER BY identity_id
LIMIT $2::bigint`;

/** Returns whether datasets of the identity may still be moved into another identity. $1: the id of the identity's row. */
export const IS_BEING_MERGED = `
SELECT EXISTS (SELECT 1 FROM sync.pending_merges WHERE identity_row_id = $1::uuid) AS is_being_merged`;

/** Marks identities as deleted. $3: the hash of the identity whose deletion was requested; $4, $5: hashes and ids. */
export const MARK_DELETED_IDENTITIES = `
INSERT INTO sync.deleted_identities (id_hash, root_hash, identity_pool_id, identity_id, deleted_ms)
SELECT given.id_hash, $3::uuid, $1::text, given.identity_id, $2::bigint
FROM unnest($4::uuid[], $5::text[]) AS given (id_hash, identity_id)
ON CONFLICT (id_hash) DO NOTHING`;

export const REMOVE_IDENTITIES_OF_PERSON =
  'DELETE FROM identity.identities WHERE identity_id = ANY ($1::text[])';

export const REMOVE_LOGINS_OF_PERSON = 'DELETE FROM identity.logins WHERE identity_id = ANY ($1::text[])';

export interface DeletionRow {
  /** Null if all data of the identity is deleted. */
  identity_pool_id: string | null;
  identity_id: string | null;
}

/** Returns the deletions of an identity ($1: the hash of its id) and of the identities that were merged into it. */
export const READ_DELETIONS = `
SELECT identity_pool_id, identity_id FROM sync.deleted_identities
WHERE id_hash = $1::uuid OR root_hash = $1::uuid`;
