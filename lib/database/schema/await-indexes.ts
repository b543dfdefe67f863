import { type Database, DatabaseError } from '../database.ts';

const LIST_BUILDS = `
SELECT job_id FROM sys.jobs WHERE job_type = 'INDEX_BUILD' AND status IN ('submitted', 'processing')`;

const LIST_INVALID = `
SELECT namespaces.nspname AS schema, relations.relname AS name
FROM pg_index AS indexes
JOIN pg_class AS relations ON relations.oid = indexes.indexrelid
JOIN pg_namespace AS namespaces ON namespaces.oid = relations.relnamespace
WHERE NOT indexes.indisvalid AND namespaces.nspname IN ('projection', 'sync', 'identity', 'move')
ORDER BY 1, 2`;

/** SQLSTATE object_not_in_prerequisite_state. */
const NOT_READY = '55000';

interface InvalidRow {
  schema: string;
  name: string;
}

/**
 * Waits until the indexes of our schemas are built, which Aurora DSQL does in the background. An index that could not
 * be built still exists but answers no query, and `IF NOT EXISTS` would mistake it for a valid index. Such an index is
 * dropped, so the next run builds it again.
 *
 * Source: Aurora DSQL User Guide, "Asynchronous indexes".
 *
 * @throws {DatabaseError} some indexes could not be built; the message names them
 */
export async function awaitIndexes(database: Database): Promise<void> {
  for (;;) {
    const { rows: builds } = await database.query<{ job_id: string }>(LIST_BUILDS);
    // The call returns false if it waited too long or the build failed. In both cases, the loop checks again.
    for (const { job_id } of builds) await database.query(waitFor(job_id));
    if (builds.length === 0) break;
  }
  const { rows: invalid } = await database.query<InvalidRow>(LIST_INVALID);
  if (invalid.length === 0) return;
  for (const { schema, name } of invalid) await database.query(`DROP INDEX IF EXISTS ${schema}.${name}`);
  const names = invalid.map(({ schema, name }) => `${schema}.${name}`).join(', ');
  throw new DatabaseError(`could not build the indexes ${names}; see sys.jobs for the reason`, NOT_READY);
}

/**
 * Builds a CALL that contains the job id, because a prepared CALL takes no parameters. A CALL cannot run in a
 * transaction.
 */
function waitFor(jobId: string): string {
  if (!/^[\w-]+$/.test(jobId))
    throw new DatabaseError(
      'sys.jobs has an index build with an unexpected job_id; check it in the cluster',
      NOT_READY,
    );
  return `CALL sys.wait_for_job('${jobId}')`;
}
