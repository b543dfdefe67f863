import type { Environment } from '../common/environment.ts';
import type { SecretId } from '../common/secret-id.ts';
import { type DatabaseAddress, readDatabase } from './database-address.ts';
import { openDsql } from './drivers/dsql/open-dsql.ts';
import { MAX_IDLE_MS, openPg, type PoolOptions } from './drivers/pg/open-pg.ts';
import { openWithSecret } from './drivers/pg/open-with-secret.ts';
import type { ReadSecret } from './drivers/pg/secret-settings.ts';
import type { ReadDatabase } from './read-sql.ts';

/** Creates a function that reads a secret. The secret is read only when that function is called. */
export type CreateSecretReader = (id: SecretId) => ReadSecret;

/**
 * Opens the database that DATABASE_URL, DATABASE_SECRET or DSQL_ENDPOINT names, for a Lambda function. By default, the pool
 * keeps an idle connection for five minutes. With the pool's usual ten seconds, the pool's timer would close the connection
 * as soon as the next invocation continues the process: most functions are called less often than every ten seconds.
 *
 * @throws {SetupError} a variable is missing or invalid; the message names it
 */
export function openFromEnvironment(
  env: Environment,
  createReader: CreateSecretReader,
  options: PoolOptions = {},
): ReadDatabase {
  return openAddress(readDatabase(env), createReader, { idleTimeoutMs: MAX_IDLE_MS, ...options });
}

/** Opens the database at an address. Connects on the first query. */
export function openAddress(
  address: DatabaseAddress,
  createReader: CreateSecretReader,
  options: PoolOptions = {},
): ReadDatabase {
  switch (address.kind) {
    case 'dsql':
      return openDsql({ host: address.host, region: address.region, user: address.user, ...options });
    case 'secret':
      return openWithSecret({ read: createReader(address), url: address.url, ...options });
    case 'postgresql':
      return openPg({ connectionString: address.url, ...options });
  }
}
