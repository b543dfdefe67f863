import type { Database } from '../../database.ts';

// PostgreSQL updates its counts of dead rows at most once per second, unless this function is called.
const COUNT_NOW = 'SELECT pg_stat_force_next_flush()';

// Lists the tables that must be vacuumed. The first condition is that of PostgreSQL's autovacuum. A crash loses these
// statistics, including the counts of dead rows. The second condition therefore selects each table with rows that has
// not been vacuumed since the statistics began.
const LIST_DUE = `
SELECT format('%I.%I', schemaname, relname) AS name
FROM pg_stat_user_tables
WHERE n_dead_tup > 50 + 0.2 * n_live_tup OR (last_vacuum IS NULL AND pg_relation_size(relid) > 0)
ORDER BY n_dead_tup DESC`;

/**
 * A checkpoint is due when the write-ahead log has grown by this much since the last one. Each file of the log has 16
 * MiB.
 */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;

const IS_CHECKPOINT_DUE = `
SELECT pg_current_wal_lsn() - redo_lsn > ${CHECKPOINT_BYTES} AS is_due FROM pg_control_checkpoint()`;

/**
 * A table that could not be vacuumed is not vacuumed for this long. Otherwise a table whose vacuum takes too long would
 * block the service again and again.
 */
const PAUSE_MS = 60 * 60 * 1000;

/**
 * Creates a function that does for the embedded database what a PostgreSQL server's background processes do. PGlite has
 * no autovacuum, so the space of deleted rows and of old versions of rows would never be used again. PGlite makes no
 * checkpoints either, so the write-ahead log would grow until the database is closed. One statement vacuums one table,
 * so that other statements can run between two tables.
 *
 * @param now epoch milliseconds
 * @returns a function that returns the names of the vacuumed tables. It throws the error of a failed statement. If a
 *   table could not be vacuumed, the function omits that table for an hour.
 */
export function createMaintenance(database: Database, now: () => number): () => Promise<string[]> {
  const pausedUntil = new Map<string, number>();

  return async () => {
    const { rows: checkpoints } = await database.query<{ is_due: boolean }>(IS_CHECKPOINT_DUE);
    if (checkpoints[0]?.is_due) await database.query('CHECKPOINT');
    await database.query(COUNT_NOW);
    const { rows: tables } = await database.query<{ name: string }>(LIST_DUE);
    const due = tables.map(({ name }) => name).filter((name) => now() >= (pausedUntil.get(name) ?? 0));
    for (const name of due) {
      pausedUntil.set(name, now() + PAUSE_MS);
      await database.query(`VACUUM ${name}`);
      pausedUntil.delete(name);
    }
    return due;
  };
}
