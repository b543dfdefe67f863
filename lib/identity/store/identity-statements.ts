// SQL statements of the identity store. They treat a pool that is marked as deleted as if it did not exist.

export interface PoolSettingsRow {
  identity_pool_id: string;
  identity_settings: string | null;
}

export const READ_SETTINGS = `
SELECT identity_pool_id, identity_settings
FROM sync.identity_pools
WHERE identity_pool_id = $1 AND deleted_ms IS NULL`;

export const LOCK_SETTINGS = `${READ_SETTINGS}
FOR UPDATE`;

export const CREATE_POOL_WITH_SETTINGS = `
INSERT INTO sync.identity_pools (identity_pool_id, created_ms, revision, identity_settings)
VALUES ($1, $2, 1, $3)`;

export const CHANGE_SETTINGS = `
UPDATE sync.identity_pools SET identity_settings = $2
WHERE identity_pool_id = $1`;

export interface RoleSettingsRow {
  role_settings: string | null;
}

export const READ_ROLE_SETTINGS = `
SELECT role_settings
FROM sync.identity_pools
WHERE identity_pool_id = $1 AND deleted_ms IS NULL`;

export const LOCK_ROLE_SETTINGS = `${READ_ROLE_SETTINGS}
FOR UPDATE`;

export const CHANGE_ROLE_SETTINGS = `
UPDATE sync.identity_pools SET role_settings = $2
WHERE identity_pool_id = $1`;

// COLLATE makes the order the same on every server, regardless of the server's locale.
export const LIST_SETTINGS = `
SELECT identity_pool_id, identity_settings
FROM sync.identity_pools
WHERE identity_pool_id > $1 COLLATE "C" AND deleted_ms IS NULL
ORDER BY identity_pool_id COLLATE "C"
LIMIT $2::bigint`;

/** A row per identity and provider. The provider is null if the identity has no provider. */
export interface IdentityRow {
  identity_id: string;
  identity_pool_id: string;
  created_ms: number;
  modified_ms: number;
  used_ms: number | null;
  unlinked_ms: number | null;
  merged_into: string | null;
  copied_providers: string | null;
  provider: string | null;
}

const WITH_PROVIDERS = `
SELECT DISTINCT
  identities.identity_id, identities.identity_pool_id, identities.created_ms, identities.modified_ms,
  identities.used_ms, identities.unlinked_ms, identities.merged_into, identities.copied_providers, logins.provider`;

export const READ_IDENTITY = `${WITH_PROVIDERS}
FROM identity.identities
LEFT JOIN identity.logins ON logins.identity_id = identities.identity_id
WHERE identities.identity_id = $1`;

// LIMIT applies before the logins are joined. The order is that of the index, in the server's own collation. Sorting by
// another collation would be slow, because a pool can have very many identities.
export const LIST_IDENTITIES = `${WITH_PROVIDERS}
FROM (
  SELECT * FROM identity.identities
  WHERE identity_pool_id = $1
    AND identity_id > $2
    AND (NOT $4::boolean OR merged_into IS NULL AND (
      unlinked_ms IS NULL OR EXISTS (SELECT 1 FROM identity.logins WHERE logins.identity_id = identities.identity_id)))
  ORDER BY identity_id
  LIMIT $3::bigint
) AS identities
LEFT JOIN identity.logins ON logins.identity_id = identities.identity_id
ORDER BY identities.identity_id`;

/**
 * An identity that was not merged, and one of its logins. `found_by` is the id by which the identity was found: an
 * identity id or a login id. The provider is null if the identity has no login.
 */
export interface FoundRow {
  found_by: string;
  identity_id: string;
  created_ms: number;
  unlinked_ms: number | null;
  copied_providers: string | null;
  provider: string | null;
}

// One statement reads everything at one point in time. Following `merged_into` once is enough, because no identity is
// merged into an identity that was itself merged.
export const FIND_LOGINS = `
SELECT found.*, logins.provider
FROM (
SELECT
  named.identity_id AS found_by, living.identity_id, living.created_ms, living.unlinked_ms,
  living.copied_providers
FROM identity.identities AS named
JOIN identity.identities AS living ON living.identity_id = coalesce(named.merged_into, named.identity_id)
WHERE named.identity_pool_id = $1 AND named.identity_id = ANY ($2::text[])
UNION ALL
SELECT logins.login_id::text AS found_by, owner.identity_id, owner.created_ms, owner.unlinked_ms,
  owner.copied_providers
FROM identity.logins
JOIN identity.identities AS owner ON owner.identity_id = logins.identity_id
WHERE logins.login_id = ANY ($3::uuid[])
) AS found
LEFT JOIN identity.logins ON logins.identity_id = found.identity_id`;

export const LOCK_IDENTITY =
  'SELECT identity_pool_id, merged_into FROM identity.identities WHERE identity_id = $1 FOR UPDATE';

export interface LockedIdentityRow {
  identity_pool_id: string;
  merged_into: string | null;
}

/** Creates an identity. Inserts nothing if the pool does not exist. */
export const CREATE_IDENTITY = `
INSERT INTO identity.identities (identity_id, identity_pool_id, created_ms, modified_ms)
SELECT $2::text, identity_pool_id, $3::bigint, $3::bigint
FROM sync.identity_pools
WHERE identity_pool_id = $1 AND deleted_ms IS NULL`;

export const MARK_USED = 'UPDATE identity.identities SET used_ms = $2 WHERE identity_id = $1';

/**
 * Links logins to an identity. Skips a login that another transaction has linked. If that transaction is still in
 * progress, waits for it to end.
 */
export const LINK_LOGINS = `
INSERT INTO identity.logins (login_id, identity_pool_id, provider, user_id, identity_id, linked_ms)
SELECT given.login_id, $1::text, given.provider, given.user_id, $2::text, $3::bigint
FROM unnest($4::uuid[], $5::text[], $6::text[]) AS given (login_id, provider, user_id)
ORDER BY given.login_id
ON CONFLICT (login_id) DO NOTHING`;

/** Unlinks the logins with the ids $2, and all logins of the providers $3. */
export const UNLINK_LOGINS = `
DELETE FROM identity.logins
WHERE identity_id = $1 AND (login_id = ANY ($2::uuid[]) OR provider = ANY ($3::text[]))`;

/** From now on, the identity is not a guest, even if it has no login any more. */
export const MARK_UNLINKED = `
UPDATE identity.identities SET unlinked_ms = $2, modified_ms = $2 WHERE identity_id = $1`;

/** Lists logins of the identity $1 at the provider $2, after the login with the id $3. */
export const LIST_LOGINS = `
SELECT login_id, user_id FROM identity.logins
WHERE identity_id = $1 AND provider = $2 AND ($3::uuid IS NULL OR login_id > $3::uuid)
ORDER BY login_id
LIMIT $4::bigint`;

export const MODIFY_IDENTITY = 'UPDATE identity.identities SET modified_ms = $2 WHERE identity_id = $1';

export const MERGE_IDENTITIES = `
UPDATE identity.identities SET merged_into = $1, modified_ms = $2
WHERE identity_id = ANY ($3::text[])`;

/**
 * The identities $2 were merged into the identity $1, which now has their logins. Tokens that were invalid because a
 * login was unlinked must stay invalid, so $1 gets the latest unlink time.
 */
export const KEEP_UNLINKED = `
UPDATE identity.identities SET unlinked_ms = merged.latest
FROM (SELECT max(unlinked_ms) AS latest FROM identity.identities WHERE identity_id = ANY ($2::text[])) AS merged
WHERE identity_id = $1 AND merged.latest > coalesce(unlinked_ms, 0)`;

export const MOVE_LOGINS = `
UPDATE identity.logins SET identity_id = $1
WHERE identity_id = ANY ($2::text[])`;

/**
 * Redirects identities from earlier merges. Identities that were merged into an identity in $2 now belong to $1,
 * because the identities in $2 are merged into $1.
 */
export const REDIRECT_MERGED = `
UPDATE identity.identities SET merged_into = $1
WHERE merged_into = ANY ($2::text[])`;

export const ADD_PENDING_MERGES = `
INSERT INTO sync.pending_merges (identity_row_id, identity_pool_id, identity_id, into_identity_id, merged_ms)
SELECT given.identity_row_id, $1::text, given.identity_id, $2::text, $3::bigint
FROM unnest($4::uuid[], $5::text[]) AS given (identity_row_id, identity_id)
ORDER BY given.identity_row_id
ON CONFLICT (identity_row_id) DO UPDATE SET
  into_identity_id = excluded.into_identity_id,
  merged_ms = excluded.merged_ms`;
