import {
  type Credentials,
  DEFAULT_PORT,
  DEFAULT_SQL_PORT,
  type Environment,
  readPort,
  readRegion,
} from '../../lib/common/environment.ts';
import { LOOPBACK } from '../../lib/common/loopback.ts';
import { readServiceKeys } from '../../lib/common/service-keys.ts';
import { readDatabaseUrl } from '../../lib/database/database-address.ts';
import { readEndpoint } from './read-endpoint.ts';

/** Addresses and credentials of the service that a command works on. */
export interface ClientConfig {
  /** Without a slash at its end. */
  url: string;
  /** URL of the query store. */
  sqlUrl: string;
  region: string;
  credentials: Credentials;
}

/**
 * Reads the addresses and credentials from environment variables. The defaults are those of a local cloud on its
 * default ports.
 * @throws {SetupError} a variable is invalid; the message names the variable
 */
export function readClientConfig(env: Environment): ClientConfig {
  const port = readPort(env, 'PORT', DEFAULT_PORT);
  const sqlPort = readPort(env, 'PG_PORT', DEFAULT_SQL_PORT);
  return {
    url: readEndpoint(env, 'AWS_ENDPOINT_URL') ?? `http://${LOOPBACK}:${port}`,
    sqlUrl: env.DATABASE_URL ? readDatabaseUrl(env) : `postgres://postgres@${LOOPBACK}:${sqlPort}/postgres`,
    region: readRegion(env),
    credentials: readServiceKeys(env).developers[0],
  };
}
