import { type Database, UnsupportedDatabaseError } from '../database.ts';

const READ_ENCODING = "SELECT current_setting('server_encoding') AS encoding";

/**
 * Checks that the encoding of the database is UTF8, which stores every Unicode text. With most other encodings, a
 * database rejects some characters that clients send. With SQL_ASCII, it stores bytes without knowing their characters.
 *
 * @throws {UnsupportedDatabaseError} the encoding of the database is not UTF8
 */
export async function requireUtf8(database: Database): Promise<void> {
  // An Aurora DSQL cluster has only one database, and its encoding cannot be chosen.
  if (database.dialect === 'dsql') return;
  const { rows } = await database.query<{ encoding: string }>(READ_ENCODING);
  const encoding = rows[0]?.encoding;
  if (encoding === 'UTF8') return;
  throw new UnsupportedDatabaseError(
    `unsupported encoding ${encoding}; use a database created with ENCODING 'UTF8' TEMPLATE template0`,
    undefined,
  );
}
