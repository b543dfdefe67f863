import { textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import { columnsOf, type PageLimits, type TableRow } from '../../database/table-shape.ts';
import { IDENTITIES, LOGINS } from './exported-tables.ts';

/** An identity with all its logins, read at one point in time. */
export interface ExportedIdentity {
  row: TableRow;
  logins: TableRow[];
}

/**
 * Reads the identities after $1, up to $2, that were changed since $3, with their logins.
 *
 * - Merging identity B into A also changes the identities that were merged into B earlier, but not their dates. An
 *   identity therefore also counts as changed if the target of its merge was changed.
 * - After a merge, the target has the logins of the merged identity. An earlier page may contain the target without
 *   these logins, so the page of a merged identity also contains its target.
 * - A copy from another service sets that service's dates, and can move the login of a developer user to an identity of
 *   an earlier page. The time of the copy (`copied_ms`) therefore counts as well.
 */
const READ_IDENTITIES = `
WITH page AS (
  SELECT identities.*
  FROM identity.identities
  LEFT JOIN identity.identities AS target ON target.identity_id = identities.merged_into
  WHERE identities.identity_id > $1::text AND ($2::text IS NULL OR identities.identity_id <= $2::text)
    AND (identities.modified_ms >= $3::bigint OR target.modified_ms >= $3::bigint
      OR identities.copied_ms >= $3::bigint OR target.copied_ms >= $3::bigint)
  ORDER BY identities.identity_id
  LIMIT $4::bigint
)
SELECT listed.*, logins.login_id, logins.identity_pool_id AS login_pool_id, logins.provider, logins.user_id,
  logins.linked_ms
FROM (
  SELECT false AS is_target, page.* FROM page
  UNION ALL
  SELECT true AS is_target, target.* FROM identity.identities AS target
  WHERE $3::bigint > 0 AND target.identity_id IN (SELECT merged_into FROM page)
    AND target.identity_id NOT IN (SELECT identity_id FROM page)
) AS listed
LEFT JOIN identity.logins ON logins.identity_id = listed.identity_id
ORDER BY listed.is_target DESC, listed.identity_id, logins.login_id`;

/** Reads the last of the next $2 identities after $1. */
const READ_WINDOW_END = `
SELECT identity_id FROM identity.identities WHERE identity_id > $1::text ORDER BY identity_id
OFFSET $2::bigint - 1 LIMIT 1`;

/**
 * Reads the next identities of all pools, in the order of their ids.
 *
 * @param after the `next` of the previous page; null for the first page
 * @param changedSince null for all identities; otherwise, only those that were changed since this time (epoch
 *   milliseconds), and the identities into which they were merged. No index finds them, so a page reads at most
 *   `window` identities, and can be empty although more pages follow
 * @returns the identities, and where the next page starts; null after the last page
 */
export async function readExportedIdentities(
  on: Transaction,
  after: string | null,
  changedSince: number | null,
  { page, window }: PageLimits,
): Promise<{ identities: ExportedIdentity[]; next: string | null }> {
  const from = after ?? '';
  const end = changedSince === null ? null : await readWindowEnd(on, from, window);
  const { rows } = await on.query<TableRow>(READ_IDENTITIES, [from, end, changedSince ?? 0, page]);
  const identities: ExportedIdentity[] = [];
  for (const row of rows) {
    let identity = identities.at(-1);
    if (identity === undefined || identity.row.identity_id !== row.identity_id) {
      identity = { row: pick(row, columnsOf(IDENTITIES)), logins: [] };
      identities.push(identity);
    }
    if (row.login_id === null) continue;
    const login = { ...row, identity_pool_id: row.login_pool_id ?? null };
    identity.logins.push(pick(login, columnsOf(LOGINS)));
  }
  const last = identities.at(-1)?.row.identity_id;
  return { identities, next: typeof last === 'string' ? last : end };
}

/** @returns the id of the last identity of the window; null if fewer identities are left */
async function readWindowEnd(on: Transaction, after: string, window: number): Promise<string | null> {
  const { rows } = await on.query<{ identity_id: string }>(READ_WINDOW_END, [after, window]);
  return rows[0]?.identity_id ?? null;
}

const FIND_FOREIGN = `
SELECT stored.identity_id
FROM unnest($1::text[], $2::text[]) AS given (identity_id, identity_pool_id)
JOIN identity.identities AS stored ON stored.identity_id = given.identity_id
WHERE stored.identity_pool_id <> given.identity_pool_id
LIMIT 1`;

/** Returns the id of one of the identities that belongs to another pool here; null if there is no such identity. */
export async function findForeignIdentity(
  on: Transaction,
  identities: readonly TableRow[],
): Promise<string | null> {
  if (identities.length === 0) return null;
  const { rows } = await on.query<{ identity_id: string }>(FIND_FOREIGN, [
    textArray(identities.map((row) => String(row.identity_id))),
    textArray(identities.map((row) => String(row.identity_pool_id))),
  ]);
  return rows[0]?.identity_id ?? null;
}

const REMOVE_LOGINS = 'DELETE FROM identity.logins WHERE identity_id = ANY ($1::text[])';

/** Removes the logins of identities that an import replaces. */
export async function removeLogins(on: Transaction, identityIds: readonly string[]): Promise<void> {
  if (identityIds.length > 0) await on.query(REMOVE_LOGINS, [textArray(identityIds)]);
}

function pick(row: TableRow, columns: readonly string[]): TableRow {
  return Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
}
