import {
  type Credentials,
  DEFAULT_PORT,
  DEFAULT_SQL_PORT,
  type Environment,
  readCredentials,
  readPort,
  readRegion,
} from '../../lib/common/environment.ts';
import { LOOPBACK } from '../../lib/common/loopback.ts';
import { readDatabaseUrl } from '../../lib/database/database-address.ts';

/** Where a command finds the service it works on, and as whom. */
export interface ClientConfig {
  url: string;
  /** Where the query store is read. */
  sqlUrl: string;
  region: string;
  credentials: Credentials;
}

/** Without a word from the environment: a local cloud on its default ports. @throws {SetupError} naming the variable that is wrong */
export function readClientConfig(env: Environment): ClientConfig {
  const port = readPort(env, 'PORT', DEFAULT_PORT);
  const sqlPort = readPort(env, 'PG_PORT', DEFAULT_SQL_PORT);
  return {
    url: env.AWS_ENDPOINT_URL || `http://${LOOPBACK}:${port}`,
    sqlUrl: env.DATABASE_URL ? readDatabaseUrl(env) : `postgres://postgres@${LOOPBACK}:${sqlPort}/postgres`,
    region: readRegion(env),
    credentials: readCredentials(env),
  };
}
