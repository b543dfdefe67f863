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

/** Ignores the event of the invocation. */
export type MigrateHandler = (event: unknown, context: Context) => Promise<MigrateAnswer>;

export interface MigrateAnswer {
  /** Names of the migrations that were applied, in order; empty if the schema was already current. */
  migrations: string[];
  /**
   * The first line of each optional statement that the database rejected. Nothing in this project depends on these
   * statements.
   */
  skipped: string[];
}

export interface MigrateFunctionDeps {
  database: Database;
  address: DatabaseAddress;
  /**
   * ARNs of the IAM roles that may write rows to a DSQL cluster. For PostgreSQL, this list is ignored, because the
   * database's address names the user that writes.
   */
  writers: readonly string[];
  logger: Logger;
}

/** Lambda's maximum function timeout, because building an index on a large table is slow. */
const STATEMENT_TIMEOUT_MS = 15 * 60 * 1000;

/**
 * Migrates the database to the current schema. On a DSQL cluster, also grants the functions access to the tables. Runs
 * as a step of the deployment and can be repeated at any time.
 *
 * @returns a handler that rejects if the database does not respond or rejects a statement; the error never contains a
 *   password
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
      logger.info('migrated the database', { migrations, skipped });
      return { migrations, skipped };
    });
}

let deployed: MigrateHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: MigrateHandler = (event, context) => {
  deployed ??= compose();
  return deployed(event, context);
};

function compose(): MigrateHandler {
  const address = readDatabase(process.env);
  const options = { maxConnections: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS, lockTimeoutMs: 0 };
  return createMigrate({
    database: openAddress(address, createSecretReader, options),
    address,
    writers: readWriters(process.env),
    logger: createLogger('migrate'),
  });
}
