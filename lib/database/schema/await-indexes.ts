import { type Database, DatabaseError } from '../database.ts';

const LIST_BUILDS = `
SELECT job_id FROM sys.jobs WHERE job_type = 'INDEX_BUILD' AND status IN ('submitted', 'processing')`;

const LIST_INVALID = `
SELECT namespaces.nspname AS schema, relations.relname AS name
FROM pg_index AS indexes
JOIN pg_class AS relations ON relations.oid = indexes.indexrelid
JOIN pg_namespace AS namespaces ON namespaces.oid = relations.relnamespace
WHERE NOT indexes.indisvalid AND namespaces.nspname IN ('projection', 'sync', 'identity')
ORDER BY 1, 2`;

/** SQLSTATE of an object that is not in the state it should be in. */
const NOT_READY = '55000';

interface InvalidRow {
  schema: string;
  name: string;
}

/**
 * Aurora DSQL builds indexes in the background: waits until those of our schemas are there. One that could not be built
 * stays, answers nothing, and passes for one that is there: it is dropped, so that it is built anew next time.
 *
 * Source: Aurora DSQL User Guide, "Asynchronous indexes".
 *
 * @throws {DatabaseError} naming the indexes that could not be built
 */
export async function awaitIndexes(database: Database): Promise<void> {
  for (;;) {
    const { rows: builds } = await database.query<{ job_id: string }>(LIST_BUILDS);
    // Answers false after a while, or where the build failed; then there is another look.
    for (const { job_id } of builds) await database.query(waitFor(job_id));
    if (builds.length === 0) break;
  }
  const { rows: invalid } = await database.query<InvalidRow>(LIST_INVALID);
  if (invalid.length === 0) return;
  for (const { schema, name } of invalid) await database.query(`DROP INDEX IF EXISTS ${schema}.${name}`);
  const names = invalid.map(({ schema, name }) => `${schema}.${name}`).join(', ');
  throw new DatabaseError(`could not build the indexes ${names}; sys.jobs says why`, NOT_READY);
}

/** A call takes no part in a transaction, nor, prepared, a parameter. */
function waitFor(jobId: string): string {
  if (!/^[\w-]+$/.test(jobId)) throw new DatabaseError('a job of the database has no name', NOT_READY);
  return `CALL sys.wait_for_job('${jobId}')`;
}
