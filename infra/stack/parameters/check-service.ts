import { isObject } from '../../../lib/common/json.ts';
import { readRateLimits } from '../../../lib/common/rate-limit-settings.ts';
import { readLoginProviders } from '../../../lib/common/read-login-settings.ts';
import { readOrigins } from '../../../lib/common/read-origins.ts';
import { readSyncLimits } from '../../../lib/common/read-sync-limits.ts';
import { readTrustedProxies } from '../../../lib/common/read-trusted-proxies.ts';
import { addressMistakes, secretMistakes } from './database-parameters.ts';
import { concurrencyMistakes, mistakeOf, switchMistakes } from './mistakes.ts';
import {
  type GivenForService as Given,
  ownDatabase,
  SERVICE_PARAMETERS,
  type ServiceParameters,
} from './service-parameters.ts';

/**
 * Checks the parameters of the service.
 * @returns the problems, each one line that starts with the parameter's name and never contains a secret value
 */
export function checkService(given: Given, region: string): string[] {
  const { service } = given;
  if (!['', 'on', 'off'].includes(service)) return [`service: invalid value "${service}"; use on or off`];
  if (service === 'on') {
    return [...valueMistakes(given, region), ...missingMistakes(given), ...environmentMistakes(given)];
  }
  // Ignore `serviceDatabaseUrl`: its value can come from an environment variable that is meant for another deployment.
  return [...unusedMistakes(given), ...valueMistakes({ ...given, serviceDatabaseUrl: '' }, region)];
}

/** A parameter without effect is probably a mistake: the caller forgot `service=on`. */
function unusedMistakes(given: ServiceParameters): string[] {
  const names = SERVICE_PARAMETERS.filter(
    (name) => name !== 'service' && name !== 'serviceDatabaseUrl' && given[name] !== '',
  );
  return names.map((name) => `${name}: given without service=on; add --param=service=on, or remove ${name}`);
}

function valueMistakes(given: Given, region: string): string[] {
  return [
    ...databaseMistakes(given, region),
    ...concurrencyMistakes('serviceConcurrency', given.serviceConcurrency),
    ...switchMistakes('functionUrl', given.functionUrl),
    ...jsonMistakes('loginProviders', given.loginProviders, (text) =>
      readLoginProviders({ LOGIN_PROVIDERS: text }),
    ),
    ...loginProvidersMistakes(given, region),
    ...pushProvidersMistakes(given, region),
    ...(['', 'on', 'off'].includes(given.rateLimits)
      ? []
      : jsonMistakes('rateLimits', given.rateLimits, (text) => readRateLimits({ RATE_LIMITS: text }, true))),
    ...mistakeOf('syncLimits', () => readSyncLimits({ SYNC_LIMITS: given.syncLimits })),
    ...mistakeOf('origins', () => readOrigins({ ORIGINS: given.origins })),
    ...mistakeOf('trustedProxies', () => readTrustedProxies({ TRUSTED_PROXIES: given.trustedProxies })),
  ];
}

function databaseMistakes(given: Given, region: string): string[] {
  const own = ownDatabase(given);
  if (own === null) {
    return given.serviceDatabaseSecretKey
      ? ['serviceDatabaseSecretKey: given without serviceDatabaseSecret; set both or neither']
      : [];
  }
  return [...addressMistakes(own, SERVICE_NAMES), ...secretMistakes(own, region, SERVICE_NAMES)];
}

const SERVICE_NAMES = {
  url: 'serviceDatabaseUrl (SERVICE_DATABASE_URL)',
  secret: 'serviceDatabaseSecret',
  key: 'serviceDatabaseSecretKey',
};

/**
 * Requires `serviceConcurrency` if the service's database is on a PostgreSQL server, which accepts few connections.
 * Without this limit, Lambda would start an instance for each concurrent request, up to the limit of the account.
 */
function missingMistakes(given: Given): string[] {
  const isOnServer = ownDatabase(given) !== null || given.database === 'url';
  if (given.serviceConcurrency !== '' || !isOnServer) return [];
  return [
    'serviceConcurrency: missing; PostgreSQL limits its connections, and each concurrent request uses up to two connections; for example, use 40 for a server that accepts 100',
  ];
}

/**
 * Checks a parameter whose value must be JSON here, although the variable of the service can also be a path. Does not
 * quote the value, because it may contain a provider's secret.
 */
function jsonMistakes(name: string, text: string, read: (text: string) => unknown): string[] {
  if (text === '') return [];
  try {
    if (isObject(JSON.parse(text))) return mistakeOf(name, () => read(text));
  } catch {
    // Reported below.
  }
  return [`${name}: the value is not a JSON object; a path to a file is not possible here`];
}

function loginProvidersMistakes(given: Given, region: string): string[] {
  const { loginProviders, loginProvidersSecret, loginProvidersSecretKey } = given;
  if (loginProvidersSecret !== '' && loginProviders !== '') {
    return ['loginProvidersSecret: loginProviders is also given; use only one of them'];
  }
  const secret = { databaseSecret: loginProvidersSecret, databaseSecretKey: loginProvidersSecretKey };
  return secretMistakes(secret, region, { secret: 'loginProvidersSecret', key: 'loginProvidersSecretKey' });
}

/** The settings of push providers can be given only as a secret, because they always contain a private key. */
function pushProvidersMistakes(given: Given, region: string): string[] {
  const { pushProvidersSecret, pushProvidersSecretKey } = given;
  const secret = { databaseSecret: pushProvidersSecret, databaseSecretKey: pushProvidersSecretKey };
  return secretMistakes(secret, region, { secret: 'pushProvidersSecret', key: 'pushProvidersSecretKey' });
}

/** Maximum size of a function's environment variables. Source: AWS Lambda Developer Guide, "Lambda quotas". */
const MAX_ENVIRONMENT_BYTES = 4_096;
/** Upper bound for the names of the variables of `service-api`, and for the values that are not parameters. */
const OTHER_VARIABLES_BYTES = 970;

/**
 * Checks the size of the environment of `service-api`. Lambda measures the variables as JSON, as Lambda's error message
 * shows.
 */
function environmentMistakes(given: Given): string[] {
  const { loginProviders, origins, rateLimits, syncLimits, trustedProxies } = given;
  const { databaseUrl, databaseSecret } = ownDatabase(given) ?? given;
  const bytes = Buffer.byteLength(
    JSON.stringify([
      ...[loginProviders, given.loginProvidersSecret, given.pushProvidersSecret],
      ...[origins, rateLimits, syncLimits, trustedProxies],
      ...[databaseUrl, databaseSecret, given.originEndpoint, given.originKeysSecret],
    ]),
  );
  const total = bytes + OTHER_VARIABLES_BYTES;
  if (total <= MAX_ENVIRONMENT_BYTES) return [];
  const [[longest = 'loginProviders'] = []] = Object.entries({
    loginProviders,
    origins,
    rateLimits,
    syncLimits,
    trustedProxies,
  }).toSorted(([, left], [, right]) => right.length - left.length);
  const advice = longest === 'loginProviders' ? 'use loginProvidersSecret' : `shorten ${longest}`;
  return [
    `${longest}: the environment of service-api would have ${total} bytes, but Lambda accepts ${MAX_ENVIRONMENT_BYTES}; ${advice}`,
  ];
}
