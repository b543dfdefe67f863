import { isIP, isIPv6 } from 'node:net';
import {
  type Credentials,
  DEFAULT_CREDENTIALS,
  DEFAULT_DATA_DIR,
  DEFAULT_PORT,
  DEFAULT_SQL_PORT,
  type Environment,
  readCredentials,
  readPort,
  readRegion,
} from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import { isLoopback, LOOPBACK } from '../../lib/common/loopback.ts';
import { readDatabaseUrl } from '../../lib/database/database-address.ts';
import { readRulesFile } from '../../lib/rules/file/rules-path.ts';

/** What the local cloud is told by its environment. */
export interface LocalConfig {
  host: string;
  port: number;
  sqlPort: number;
  dataDir: string;
  /** A PostgreSQL server in place of the embedded database. */
  databaseUrl: string | undefined;
  region: string;
  credentials: Credentials;
  /** Absolute path of the sync rules. */
  rulesFile: string;
}

/** @throws {SetupError} naming the variable, what it holds (unless secret) and what it may hold */
export function readLocalConfig(env: Environment): LocalConfig {
  const credentials = readCredentials(env);
  return {
    host: readHost(env, credentials),
    port: readPort(env, 'PORT', DEFAULT_PORT),
    sqlPort: readPort(env, 'PG_PORT', DEFAULT_SQL_PORT),
    dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
    databaseUrl: env.DATABASE_URL ? readDatabaseUrl(env) : undefined,
    region: readRegion(env),
    credentials,
    rulesFile: readRulesFile(env),
  };
}

/** Who can reach the port can sign with the default credentials, which everybody knows. */
function readHost(env: Environment, { secretAccessKey }: Credentials): string {
  const given = env.HOST || LOOPBACK;
  const host = isIPv6(given) ? shortest(given) : given;
  if (isLoopback(host)) return host;
  if (isIP(host) === 0) {
    throw new SetupError(`HOST=${host} is not an address; use 127.0.0.1, or an address of this machine`);
  }
  if (secretAccessKey === DEFAULT_CREDENTIALS.secretAccessKey) {
    throw new SetupError(
      `HOST=${host} can be reached from elsewhere, with credentials that everybody knows; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to your own, or use 127.0.0.1`,
    );
  }
  return host;
}

/** The one spelling of an address of IPv6 that the others are told by. */
function shortest(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
