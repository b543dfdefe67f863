import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { createSecretReader } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import type { Database } from '../lib/database/database.ts';
import { type DatabaseAddress, readDatabase, readWriters } from '../lib/database/database-address.ts';
import { unreachableError } from '../lib/database/drivers/pg/describe-unreachable.ts';
import { openAddress } from '../lib/database/open-from-environment.ts';
import { allowWriters } from '../lib/database/schema/allow-writers.ts';
import { migrate } from '../lib/database/schema/migrate.ts';

/** Whatever it is called with: nothing of it is read. */
export type MigrateHandler = (event: unknown, context: Context) => Promise<MigrateAnswer>;

export interface MigrateAnswer {
  /** The migrations that were run, in their order; none where the schema was the current one. */
  migrations: string[];
  /** The first lines of statements that the database refuses and that nothing of ours depends on. */
  skipped: string[];
}

export interface MigrateFunctionDeps {
  database: Database;
  address: DatabaseAddress;
  /** ARNs of the IAM roles that may write rows to a cluster; elsewhere the address itself says who may. */
  writers: readonly string[];
  logger: Logger;
}

/** As long as a function may run: building an index of a large table takes its time. */
const STATEMENT_TIMEOUT_MS = 15 * 60 * 1000;

/**
 * Brings the database to the current schema, and lets the functions into a cluster, as a step of the deployment. It can be
 * called again at any time.
 *
 * @returns a handler that rejects where the database does not answer, or refuses a statement; never with a password
 */
export function createMigrate({ database, address, writers, logger }: MigrateFunctionDeps): MigrateHandler {
  return middy<unknown, MigrateAnswer>()
    .use(injectLambdaContext(logger))
    .handler(async () => {
      const skipped: string[] = [];
      const keep = (statement: string) => skipped.push(statement.split('\n', 1)[0] ?? '');
      const refused = (error: unknown) => {
        throw unreachableError(address, error);
      };
      const migrations = await migrate(database, keep).catch(refused);
      if (address.kind === 'dsql') await allowWriters(database, writers).catch(refused);
      logger.info('migrated', { migrations, skipped });
      return { migrations, skipped };
    });
}

let deployed: MigrateHandler | undefined;

/** The function as AWS runs it: composed from the environment at its first event. */
export const handler: MigrateHandler = (event, context) => {
  deployed ??= compose();
  return deployed(event, context);
};

function compose(): MigrateHandler {
  const address = readDatabase(process.env);
  const options = { maxConnections: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS };
  return createMigrate({
    database: openAddress(address, createSecretReader, options),
    address,
    writers: readWriters(process.env),
    logger: createLogger('migrate'),
  });
}
