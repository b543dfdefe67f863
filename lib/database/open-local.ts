import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { SetupError } from '../common/errors.ts';
import { type Connections, type DatabaseUse, DEFAULT_CONNECTIONS, forEachUse } from './connections.ts';
import type { Database } from './database.ts';
import { oneLine, unreachableError } from './drivers/pg/describe-unreachable.ts';
import { openPg } from './drivers/pg/open-pg.ts';
import { type EmbeddedDatabase, openPglite } from './drivers/pglite/open-pglite.ts';
import { restoreTemplate } from './embedded-template.ts';
import { diskError } from './full-disk.ts';
import { creatingFile, hasEmbeddedDatabase } from './has-embedded-database.ts';
import { QUERY_LIMITS, type ReadDatabase } from './read-sql.ts';
import { migrate } from './schema/migrate.ts';
import { allowReaderRole } from './schema/roles.ts';
import { limitWaiting } from './waiting-line.ts';

/** The database of the local cloud. */
export type LocalDatabase = {
  /** Each use of the database, with connections of its own. The embedded database has one session for all of them. */
  uses: Readonly<Record<DatabaseUse, Database>>;
  /**
   * For readers, whose statements only read. On a server, they have connections of their own. In the embedded database,
   * their statements run when no statement of the service waits.
   */
  queries: ReadDatabase;
  close(): Promise<void>;
} & (
  | { kind: 'embedded'; database: EmbeddedDatabase }
  | {
      kind: 'server';
      /** For work that belongs to no other use. */
      database: Database;
    }
);

interface OpenOptions {
  connections?: Connections;
  /** The name of the sessions on a server. Default: the name of the program. */
  sessionName?: string;
  /** Called with a line for the user before a step that takes several seconds. */
  announce?: (line: string) => void;
}

/**
 * Clients wait for the results of these uses. A statement that has waited `CLIENT_WAIT_MS` for a connection or a lock
 * fails, because a client should retry instead of waiting longer.
 */
const CLIENT_USES: ReadonlySet<DatabaseUse> = new Set(['reads', 'writes', 'identity']);
const CLIENT_WAIT_MS = 5_000;

/** Maximum number of statements of readers that wait for a connection. */
const MAX_WAITING_QUERIES = 16;

/**
 * Opens the database of the local cloud and migrates it to the current schema: the embedded database in `directory`,
 * or the server at `databaseUrl`.
 *
 * @throws {SetupError} the database cannot be opened, does not answer, or does not let us create our tables
 */
export async function openDatabase(
  directory: string,
  databaseUrl: string | undefined,
  { connections = DEFAULT_CONNECTIONS, announce = () => undefined, ...session }: OpenOptions = {},
): Promise<LocalDatabase> {
  if (databaseUrl !== undefined) return openServer(databaseUrl, connections, session);
  const database = await openEmbedded(directory, announce);
  const uses = forEachUse((use) =>
    CLIENT_USES.has(use) ? limitWaiting(database, clientLimits(use, connections)) : database,
  );
  return { kind: 'embedded', database, uses, queries: database.reader, close: () => database.close() };
}

async function openServer(
  connectionString: string,
  connections: Connections,
  session: Pick<OpenOptions, 'sessionName'>,
): Promise<LocalDatabase> {
  // The migration waits for locks of other sessions without a lock timeout, because the service cannot start if the
  // migration fails.
  const migrating = openPg({ connectionString, ...session, maxConnections: 1, lockTimeoutMs: 0 });
  try {
    await migrate(migrating);
    await allowReaderRole(migrating);
  } catch (error) {
    const { message } = unreachableError({ kind: 'postgresql', url: connectionString }, error);
    throw new SetupError(`${message}; or unset DATABASE_URL to use the embedded database`);
  } finally {
    await migrating.close();
  }
  const uses = forEachUse((use) => {
    const { maxRunning: maxConnections, ...waiting } = clientLimits(use, connections);
    const limits = CLIENT_USES.has(use) ? { ...waiting, lockTimeoutMs: CLIENT_WAIT_MS } : {};
    return openPg({ connectionString, ...session, maxConnections, ...limits });
  });
  const queries = openPg({
    connectionString,
    ...session,
    maxConnections: connections.queries,
    ...QUERY_LIMITS,
    maxWaiting: MAX_WAITING_QUERIES,
  });
  return {
    kind: 'server',
    database: uses.jobs,
    uses,
    queries,
    async close() {
      await Promise.all([...Object.values(uses), queries].map((database) => database.close()));
    },
  };
}

function clientLimits(use: DatabaseUse, connections: Connections) {
  return { maxRunning: connections[use], maxWaiting: connections.waiting, maxWaitMs: CLIENT_WAIT_MS };
}

async function openEmbedded(directory: string, announce: (line: string) => void): Promise<EmbeddedDatabase> {
  const creating = creatingFile(directory);
  try {
    if (!hasEmbeddedDatabase(directory)) {
      if (existsSync(creating)) await rm(directory, { recursive: true, force: true });
      await writeFile(creating, '', { mode: 0o600 });
      await mkdir(directory, { recursive: true, mode: 0o700 });
      // If the migrations have changed since the migrated template was created, the empty template still fits.
      if (!((await restoreTemplate(directory)) || (await restoreTemplate(directory, 'empty')))) {
        announce(`creating the embedded database in ${directory}, which takes a few seconds`);
      }
    }
    const database = await openPglite({ dataDir: directory });
    await rm(creating, { force: true });
    await migrate(database).catch(async (error: unknown) => {
      await database.close();
      throw error;
    });
    return database;
  } catch (error) {
    throw openError(directory, error);
  }
}

function openError(directory: string, error: unknown): SetupError {
  return diskError(
    directory,
    error,
    `cannot open the embedded database in ${directory}: ${oneLine(error)}; set DATA_DIR to another directory, or delete this directory with all its data`,
  );
}
