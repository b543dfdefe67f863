import { type Database, DatabaseError } from '../database.ts';
import { runDefinition } from './run-definition.ts';

/** The role for people and for the query API. This role can read the views of schema `query` and nothing else. */
export const READER_ROLE = 'query_reader';

/**
 * The role of the query store's functions in an Aurora DSQL cluster. This role can read and change rows of schema
 * `projection`, but cannot create, alter or drop anything.
 */
export const WRITER_ROLE = 'query_writer';

/**
 * The role of the service's functions in an Aurora DSQL cluster. This role can read and change rows of the schemas `sync`,
 * `identity` and `move`, and add rows to `projection.dated_removals`, but cannot create, alter or drop anything.
 */
export const SERVICE_ROLE = 'service_writer';

const FIND_ROLE = 'SELECT 1 FROM pg_roles WHERE rolname = $1';

/**
 * Creates a role if it does not exist. A role belongs to the server, not to a database, so another database may have
 * created it. In PostgreSQL, the role has no LOGIN, so no one can log in with this role. In Aurora DSQL, the role has
 * LOGIN, because IAM decides who may connect.
 *
 * @param role a trusted identifier
 * @throws {DatabaseError} the user may not create roles (the message says what to do), or the database rejects the
 *   statement for another reason
 */
export async function createRole(database: Database, role: string): Promise<void> {
  const { rows } = await database.query(FIND_ROLE, [role]);
  if (rows.length > 0) return;
  await runDefinition(database, `CREATE ROLE ${role}`).catch((error: unknown) => {
    if (!(error instanceof DatabaseError) || error.code !== NOT_ALLOWED) throw error;
    const todo = `have an administrator run CREATE ROLE ${role}, or grant this user CREATEROLE`;
    throw new DatabaseError(`${error.message}; ${todo}`, error.code, { cause: error });
  });
}

/**
 * Lets the user of the connection become the reader role. A superuser always can. Since PostgreSQL 16, a user that has
 * created the role can grant it to itself. If neither is true, the statements of readers fail with advice.
 *
 * The role is tried only within a transaction: after a SET ROLE outside of a transaction, a pooler could give the
 * server connection to another client while that connection still has the reader's rights.
 */
export async function allowReaderRole(database: Database): Promise<void> {
  await database
    .transaction((transaction) => transaction.query(`SET LOCAL ROLE ${READER_ROLE}`))
    .catch(() => database.query(`GRANT ${READER_ROLE} TO CURRENT_USER`))
    .catch(() => undefined);
}

/** SQLSTATE insufficient_privilege. */
const NOT_ALLOWED = '42501';
