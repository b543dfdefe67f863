import { type Database, UnsupportedDatabaseError } from '../database.ts';

const READ_ENCODING = "SELECT current_setting('server_encoding') AS encoding";

/**
 * Checks that the database stores every Unicode text. In another encoding it rejects characters that clients send, or,
 * with SQL_ASCII, stores bytes that it does not understand.
 *
 * @throws {UnsupportedDatabaseError} its encoding is not UTF8
 */
export async function requireUtf8(database: Database): Promise<void> {
  // A cluster has one database, which no one creates with another encoding.
  if (database.dialect === 'dsql') return;
  const { rows } = await database.query<{ encoding: string }>(READ_ENCODING);
  const encoding = rows[0]?.encoding;
  if (encoding === 'UTF8') return;
  throw new UnsupportedDatabaseError(
    `unsupported encoding ${encoding}; use a database created with ENCODING 'UTF8' TEMPLATE template0`,
    undefined,
  );
}
