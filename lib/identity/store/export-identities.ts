import { textArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import { columnsOf, type TableRow } from '../../database/table-shape.ts';
import { IDENTITIES, LOGINS } from './exported-tables.ts';

/** An identity with all its logins, read at one point in time. */
export interface ExportedIdentity {
  row: TableRow;
  logins: TableRow[];
}

const MAX_IDENTITIES = 250;

/**
 * Reads identities after $1 that were changed since $2, with their logins. A merge into an identity also changes the
 * identities that were merged into the merged one, without a date, so the date of the target counts too.
 */
const READ_IDENTITIES = `
SELECT page.*, logins.login_id, logins.identity_pool_id AS login_pool_id, logins.provider, logins.user_id,
  logins.linked_ms
FROM (
  SELECT identities.*
  FROM identity.identities
  LEFT JOIN identity.identities AS target ON target.identity_id = identities.merged_into
  WHERE identities.identity_id > $1::text
    AND (identities.modified_ms >= $2::bigint OR target.modified_ms >= $2::bigint)
  ORDER BY identities.identity_id
  LIMIT ${MAX_IDENTITIES}
) AS page
LEFT JOIN identity.logins ON logins.identity_id = page.identity_id
ORDER BY page.identity_id, logins.login_id`;

/**
 * Reads the next identities of all pools, in the order of their ids.
 *
 * @param after the id of the last identity of the previous page; null for the first page
 * @param changedSince null for all identities; otherwise, only those that were changed since this time (epoch
 *   milliseconds)
 * @returns no identity after the last page
 */
export async function readExportedIdentities(
  on: Transaction,
  after: string | null,
  changedSince: number | null,
): Promise<ExportedIdentity[]> {
  const { rows } = await on.query<TableRow>(READ_IDENTITIES, [after ?? '', changedSince ?? 0]);
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
  return identities;
}

const REMOVE_LOGINS = 'DELETE FROM identity.logins WHERE identity_id = ANY ($1::text[])';

/** Removes the logins of identities that an import replaces. */
export async function removeLogins(on: Transaction, identityIds: readonly string[]): Promise<void> {
  if (identityIds.length > 0) await on.query(REMOVE_LOGINS, [textArray(identityIds)]);
}

function pick(row: TableRow, columns: readonly string[]): TableRow {
  return Object.fromEntries(columns.map((column) => [column, row[column] ?? null]));
}
