import { randomBytes } from 'node:crypto';
import type { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { writeFirstSecretValue } from '../lib/aws/first-secret-value.ts';
import { createSecretReader, createSecretsClient } from '../lib/aws/secret-reader.ts';
import { createLogger } from '../lib/aws/telemetry.ts';
import type { Environment } from '../lib/common/environment.ts';
import { createDeveloperKey, createTokenKey } from '../lib/common/service-keys.ts';
import type { Database } from '../lib/database/database.ts';
import {
  type DatabaseAddress,
  readAllowedRoles,
  readDatabase,
  readDatabaseIfAny,
} from '../lib/database/database-address.ts';
import { unreachableError } from '../lib/database/drivers/pg/describe-unreachable.ts';
import { openAddress } from '../lib/database/open-from-environment.ts';
import { type AllowedRoles, allowRoles } from '../lib/database/schema/allow-roles.ts';
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

export interface MigratedDatabase {
  database: Database;
  address: DatabaseAddress;
}

export interface MigrateFunctionDeps extends MigratedDatabase {
  /**
   * ARNs of the IAM roles that may connect to a DSQL cluster. For PostgreSQL, these lists are ignored, because the
   * database's address names the user.
   */
  roles: AllowedRoles;
  /** The database of the self-hosted service, if it is not the database of the query store. */
  ownDatabase?: MigratedDatabase;
  /** Creates the service's developer key and token key. @returns false if the service has keys already */
  writeFirstKeys?: () => Promise<boolean>;
  logger: Logger;
}

/** Lambda's maximum function timeout, because building an index on a large table is slow. */
const STATEMENT_TIMEOUT_MS = 15 * 60 * 1000;

/**
 * Migrates the database to the current schema. On a DSQL cluster, also grants the functions access to the tables. With
 * the self-hosted service, also migrates the service's own database, and writes the service's first keys. Runs as a step
 * of the deployment and can be repeated at any time.
 *
 * @returns a handler that rejects if a database does not respond or rejects a statement; the error never contains a
 *   password. The answer does not contain keys
 */
export function createMigrate({
  roles,
  ownDatabase,
  writeFirstKeys,
  logger,
  ...queryStore
}: MigrateFunctionDeps): MigrateHandler {
  return middy<unknown, MigrateAnswer>()
    .use(injectLambdaContext(logger))
    .handler(async () => {
      const answer: MigrateAnswer = { migrations: [], skipped: [] };
      for (const each of ownDatabase === undefined ? [queryStore] : [queryStore, ownDatabase]) {
        const { migrations, skipped } = await migrateOne(each, roles);
        answer.migrations.push(...migrations);
        answer.skipped.push(...skipped);
      }
      logger.info('migrated the database', { ...answer });
      if (await writeFirstKeys?.())
        logger.info('created a developer key and a token key, because the service had no keys');
      return answer;
    });
}

async function migrateOne(
  { database, address }: MigratedDatabase,
  roles: AllowedRoles,
): Promise<MigrateAnswer> {
  const skipped: string[] = [];
  const keep = (statement: string) => skipped.push(statement.split('\n', 1)[0] ?? '');
  const refused = (error: unknown) => {
    throw unreachableError(address, error);
  };
  const migrations = await migrate(database, keep).catch(refused);
  if (address.kind === 'dsql') await allowRoles(database, roles).catch(refused);
  return { migrations, skipped };
}

let deployed: MigrateHandler | undefined;

/** Lambda's entry point. Reads the environment on the first event. */
export const handler: MigrateHandler = (event, context) => {
  deployed ??= compose();
  return deployed(event, context);
};

function compose(): MigrateHandler {
  const { SERVICE_DATABASE_URL, SERVICE_DATABASE_SECRET, SERVICE_KEYS_SECRET } = process.env;
  const own = readDatabaseIfAny({
    DATABASE_URL: SERVICE_DATABASE_URL,
    DATABASE_SECRET: SERVICE_DATABASE_SECRET,
  });
  return createMigrate({
    ...open(readDatabase(process.env)),
    roles: readAllowedRoles(process.env),
    ...(own !== undefined && { ownDatabase: open(own) }),
    ...(SERVICE_KEYS_SECRET && { writeFirstKeys: () => writeKeys(SERVICE_KEYS_SECRET, process.env) }),
    logger: createLogger('migrate'),
  });
}

function open(address: DatabaseAddress): MigratedDatabase {
  const options = { maxConnections: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS, lockTimeoutMs: 0 };
  return { address, database: openAddress(address, createSecretReader, options) };
}

/** Writes one developer key and one token key to the secret, unless it has a value. */
function writeKeys(secretId: string, { AWS_REGION }: Environment): Promise<boolean> {
  const keys = { developers: [createDeveloperKey(randomBytes)], tokenKeys: [createTokenKey(randomBytes)] };
  return writeFirstSecretValue(createSecretsClient(AWS_REGION ?? null), secretId, JSON.stringify(keys));
}
