import type { Database } from '../database.ts';

/** Deletes all stored data; the schema remains. Only the local cloud uses this function, to reset itself. */
export async function emptyTables(database: Database): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    `SELECT schemaname || '.' || tablename AS name FROM pg_tables
     WHERE schemaname IN ('projection', 'sync', 'identity', 'move') AND tablename <> 'migrations'`,
  );
  for (const { name } of rows) await database.query(`TRUNCATE ${name}`);
}
