import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../database.ts';

/** The start of a database's first migration, to the microsecond. Databases that were copied have the same start. */
const FIRST_MIGRATION = 'SELECT extract(epoch FROM min(started_at))::text AS id FROM projection.migrations';

/** The number of the database within its server. A copy on the same server has another number. */
const NUMBER = 'SELECT oid::text AS id FROM pg_database WHERE datname = current_database()';

/**
 * Reads what identifies a database, so that work that was interrupted does not continue on another database.
 *
 * @param directory the directory of the embedded database; it need not exist. All embedded databases are copies of one
 *   template, so only their files identify them
 * @returns a text that stays the same as long as the database is not moved to another server or disk
 */
export async function readDatabaseId(database: Database, directory: string): Promise<string> {
  const statements = database.dialect === 'dsql' ? [FIRST_MIGRATION] : [FIRST_MIGRATION, NUMBER];
  const ids: unknown[] = [];
  for (const statement of statements) {
    const { rows } = await database.query<{ id: string | null }>(statement);
    ids.push(rows[0]?.id);
  }
  const file = await stat(join(directory, 'PG_VERSION'), { bigint: true }).catch(() => null);
  if (file !== null) ids.push(file.ino, file.birthtimeNs);
  return ids.join(' ');
}
