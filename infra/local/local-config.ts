import { isIP, isIPv6 } from 'node:net';
import {
  type Credentials,
  DEFAULT_DATA_DIR,
  DEFAULT_PORT,
  DEFAULT_SQL_PORT,
  type Environment,
  includesDefault,
  readPort,
  readRegion,
} from '../../lib/common/environment.ts';
import { SetupError } from '../../lib/common/errors.ts';
import type { LoginProviders } from '../../lib/common/login-providers.ts';
import { isLoopback, LOOPBACK } from '../../lib/common/loopback.ts';
import type { PushProviders } from '../../lib/common/push-providers.ts';
import type { RateLimitSettings } from '../../lib/common/rate-limit-settings.ts';
import { readRateLimits } from '../../lib/common/rate-limit-settings.ts';
import { type LoginMode, readLoginMode, readLoginProviders } from '../../lib/common/read-login-settings.ts';
import { readOrigins } from '../../lib/common/read-origins.ts';
import { readPushProviders } from '../../lib/common/read-push-providers.ts';
import { readTrustedProxies } from '../../lib/common/read-trusted-proxies.ts';
import { readServiceKeys } from '../../lib/common/service-keys.ts';
import type { SigningKeys } from '../../lib/common/signed-text.ts';
import { type Connections, readConnections } from '../../lib/database/connections.ts';
import { readDatabaseUrl } from '../../lib/database/database-address.ts';
import { type OriginSettings, readOriginSettings } from '../../lib/move/read-origin-settings.ts';
import { readRulesFile } from '../../lib/rules/file/rules-path.ts';
import type { Limits } from '../../lib/sync/limits.ts';
import { readLimits } from '../../lib/sync/read-limits.ts';

/** The settings of the local cloud, read from its environment variables. */
export interface LocalConfig {
  host: string;
  port: number;
  sqlPort: number;
  dataDir: string;
  /** URL of a PostgreSQL server to use instead of the embedded database. */
  databaseUrl: string | undefined;
  /** Number of database connections for each use of the database. */
  connections: Connections;
  region: string;
  /** The developer's key with which the local cloud calls itself. */
  credentials: Credentials;
  /** Further keys that developers may sign with. */
  otherDevelopers: readonly Credentials[];
  /** The keys that sign tokens; null for the key in the data directory. */
  tokenKeys: SigningKeys | null;
  /** Absolute path of the sync rules. */
  rulesFile: string;
  /** Null if requests are not limited. */
  rateLimits: RateLimitSettings | null;
  /**
   * The web origins that may call the service. Null if ORIGINS is not set; `createOriginRule` then decides by the
   * credentials.
   */
  origins: readonly string[] | null;
  /** CIDRs of the reverse proxies in front of the service. */
  trustedProxies: readonly string[];
  limits: Limits;
  logins: LoginMode;
  /** Reads the settings of a migration's origin, such as its address. @throws {SetupError} a variable is invalid */
  readOrigin: (identityPoolId: string) => OriginSettings;
  /** Settings of login providers that an identity pool cannot store. */
  loginProviders: LoginProviders;
  /** The providers that send push messages. Messages of other push applications go to the inbox (GET /push). */
  pushProviders: PushProviders;
}

/**
 * Reads the settings from environment variables.
 * @throws {SetupError} a variable is invalid; the message has its name, its value (unless secret) and what is valid
 */
export function readLocalConfig(env: Environment): LocalConfig {
  const { developers, tokenKeys } = readServiceKeys(env);
  const [credentials, ...otherDevelopers] = developers;
  const host = readHost(env, developers);
  return {
    host,
    port: readPort(env, 'PORT', DEFAULT_PORT),
    sqlPort: readPort(env, 'PG_PORT', DEFAULT_SQL_PORT),
    dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
    databaseUrl: env.DATABASE_URL ? readDatabaseUrl(env) : undefined,
    connections: readConnections(env),
    region: readRegion(env),
    credentials,
    otherDevelopers,
    tokenKeys,
    rulesFile: readRulesFile(env),
    rateLimits: readRateLimits(env, !isLoopback(host)),
    origins: readOrigins(env),
    trustedProxies: readTrustedProxies(env),
    limits: readLimits(env),
    logins: readLoginMode(env, mayTrustLogins(host, developers)),
    readOrigin: (identityPoolId) => readOriginSettings(env, identityPoolId),
    loginProviders: readLoginProviders(env),
    pushProviders: readPushProviders(env),
  };
}

/**
 * Whether logins may be accepted without verification: only this machine reaches the service, and it has the default
 * credentials. A service with its own credentials may be behind a reverse proxy on this machine.
 */
export function mayTrustLogins(host: string, developers: readonly Credentials[]): boolean {
  return isLoopback(host) && includesDefault(developers);
}

/**
 * Accepts the default credentials only if the service listens on loopback. They are public, so any client that reaches
 * the port could sign requests with them.
 */
function readHost(env: Environment, developers: readonly Credentials[]): string {
  const given = env.HOST || LOOPBACK;
  const host = isIPv6(given) ? shortest(given) : given;
  if (isLoopback(host)) return host;
  if (isIP(host) === 0) {
    throw new SetupError(`HOST=${host} is not an IP address; use 127.0.0.1, or an address of this machine`);
  }
  if (includesDefault(developers)) {
    throw new SetupError(
      `HOST=${host} is reachable from other machines, but the default credentials are public knowledge; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the developers in SERVICE_KEYS) to your own, or use 127.0.0.1`,
    );
  }
  return host;
}

/** Returns the canonical form of an IPv6 address, so that equal addresses compare equal. */
function shortest(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
