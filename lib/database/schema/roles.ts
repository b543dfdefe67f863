import { type Database, DatabaseError } from '../database.ts';
import { runDefinition } from './run-definition.ts';

/** The role people and the query API read as: it sees the views of schema `query` and nothing else. */
export const READER_ROLE = 'query_reader';

/**
 * The role that the deployed functions are in an Aurora DSQL cluster: it reads and changes the rows of schema
 * `projection`, and makes, alters and drops nothing.
 */
export const WRITER_ROLE = 'query_writer';

const FIND_ROLE = 'SELECT 1 FROM pg_roles WHERE rolname = $1';

/**
 * Makes a role unless it is there: it is the server's, not the database's, and may be made by another of its databases.
 * Without LOGIN, nobody logs in as it; in Aurora DSQL, where IAM decides who may, it has LOGIN.
 *
 * @param role an identifier of ours
 * @throws {DatabaseError} the user may make none, with what to do; or the database refuses something else
 */
export async function createRole(database: Database, role: string): Promise<void> {
  const { rows } = await database.query(FIND_ROLE, [role]);
  if (rows.length > 0) return;
  await runDefinition(database, `CREATE ROLE ${role}`).catch((error: unknown) => {
    if (!(error instanceof DatabaseError) || error.code !== NOT_ALLOWED) throw error;
    const todo = `let one who may say CREATE ROLE ${role}, or give this user CREATEROLE`;
    throw new DatabaseError(`${error.message}; ${todo}`, error.code, { cause: error });
  });
}

/** SQLSTATE insufficient_privilege. */
const NOT_ALLOWED = '42501';
