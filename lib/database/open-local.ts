import { SetupError } from '../common/errors.ts';
import type { Database } from './database.ts';
import { oneLine, unreachableError } from './drivers/pg/describe-unreachable.ts';
import { openPg } from './drivers/pg/open-pg.ts';
import { type EmbeddedDatabase, openPglite } from './drivers/pglite/open-pglite.ts';
import { migrate } from './schema/migrate.ts';

export type LocalDatabase =
  | { kind: 'embedded'; database: EmbeddedDatabase }
  | { kind: 'server'; database: Database };

/**
 * Opens the database of the local cloud and migrates it to the current schema: the embedded database in `directory`,
 * or the server at `databaseUrl`.
 *
 * @throws {SetupError} the database cannot be opened, does not answer, or does not let us create our tables
 */
export async function openDatabase(
  directory: string,
  databaseUrl: string | undefined,
): Promise<LocalDatabase> {
  const opened: LocalDatabase =
    databaseUrl === undefined
      ? { kind: 'embedded', database: await openEmbedded(directory) }
      : { kind: 'server', database: openPg({ connectionString: databaseUrl }) };
  try {
    await migrate(opened.database);
    return opened;
  } catch (error) {
    await opened.database.close();
    if (databaseUrl === undefined) throw openError(directory, error);
    const { message } = unreachableError({ kind: 'postgresql', url: databaseUrl }, error);
    throw new SetupError(`${message}; or unset DATABASE_URL to use the embedded database`);
  }
}

async function openEmbedded(directory: string): Promise<EmbeddedDatabase> {
  try {
    return await openPglite({ dataDir: directory });
  } catch (error) {
    throw openError(directory, error);
  }
}

function openError(directory: string, error: unknown): SetupError {
  return new SetupError(
    `cannot open the embedded database in ${directory}: ${oneLine(error)}; set DATA_DIR to another directory, or delete this directory with all its data`,
  );
}
