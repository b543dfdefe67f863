import { isObject } from '../../../lib/common/json.ts';
import { parseSecretId } from '../../../lib/common/secret-id.ts';
import {
  addressMistakes,
  arnOfSecret,
  type DatabaseDeployment,
  type DatabaseParameters,
  type Substitution,
  secretMistakes,
} from './database-parameters.ts';

/** The parameters of the self-hosted service; an empty string counts as not given. */
export interface ServiceParameters {
  service: string;
  serviceDatabaseUrl: string;
  serviceDatabaseSecret: string;
  serviceDatabaseSecretKey: string;
  serviceConcurrency: string;
  loginProviders: string;
  loginProvidersSecret: string;
  origins: string;
  rateLimits: string;
  trustedProxies: string;
}

export const NO_SERVICE: ServiceParameters = {
  service: '',
  serviceDatabaseUrl: '',
  serviceDatabaseSecret: '',
  serviceDatabaseSecretKey: '',
  serviceConcurrency: '',
  loginProviders: '',
  loginProvidersSecret: '',
  origins: '',
  rateLimits: '',
  trustedProxies: '',
};

/** The values that serverless.yml needs for the service. */
export interface ServiceDeployment {
  /** Each value selects what becomes part of the stack: the key `yes` or `no` of a file in infra/stack. */
  service: 'yes' | 'no';
  serviceReadsSecret: 'yes' | 'no';
  serviceDecryptsSecret: 'yes' | 'no';
  readsLoginProviders: 'yes' | 'no';
  serviceInVpc: 'yes' | 'no';
  /** `yes` if the functions of the service connect to the stack's own cluster. */
  serviceUsesCluster: 'yes' | 'no';
  /** The database of the service: its own, or else the database of the query store. */
  serviceDatabase: 'dsql' | 'url';
  serviceDatabaseUrl: string;
  serviceDatabaseSecret: string;
  /** The service's own database, which `migrate` migrates too. Empty if the service has no database of its own. */
  ownDatabaseUrl: string;
  ownDatabaseSecret: string;
  serviceDatabaseSecretArn: Substitution | string;
  serviceDatabaseSecretKey: string;
  serviceDatabaseSecretService: string;
  loginProviders: string;
  loginProvidersSecret: string;
  loginProvidersSecretArn: Substitution | string;
  origins: string;
  rateLimits: string;
  trustedProxies: string;
  /** Maximum concurrency of the function `service-api`. Null if it shares the concurrency of the account. */
  serviceConcurrency: number | null;
}

type Given = ServiceParameters & DatabaseParameters;

/**
 * Checks the parameters of the service.
 * @returns the problems, each one line that starts with the parameter's name and never contains a secret value
 */
export function checkService(given: Given, region: string): string[] {
  const { service } = given;
  if (!['', 'on', 'off'].includes(service)) return [`service: invalid value "${service}"; use on or off`];
  if (service !== 'on') return unusedMistakes(given);
  return [
    ...databaseMistakes(given, region),
    ...concurrencyMistakes('serviceConcurrency', given.serviceConcurrency),
    ...jsonMistakes('loginProviders', given.loginProviders),
    ...providersSecretMistakes(given),
    ...(['', 'on', 'off'].includes(given.rateLimits) ? [] : jsonMistakes('rateLimits', given.rateLimits)),
  ];
}

/** A parameter without effect is probably a mistake: the caller forgot `service=on`. */
function unusedMistakes(given: ServiceParameters): string[] {
  const names = (['serviceConcurrency', 'serviceDatabaseSecret', 'loginProvidersSecret'] as const).filter(
    (name) => given[name],
  );
  return names.map((name) => `${name}: given without service=on; add --param=service=on, or remove ${name}`);
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

/** Returns the parameters of the service's own database under the names of the query store's; null without one. */
function ownDatabase(given: Given): DatabaseParameters | null {
  const { serviceDatabaseUrl, serviceDatabaseSecret, serviceDatabaseSecretKey } = given;
  if (serviceDatabaseUrl === '' && serviceDatabaseSecret === '') return null;
  return {
    ...given,
    database: 'url',
    databaseUrl: serviceDatabaseUrl,
    databaseSecret: serviceDatabaseSecret,
    databaseSecretKey: serviceDatabaseSecretKey,
  };
}

const MAX_CONCURRENCY = 10_000;

/** Checks the parameter `name`, a number of concurrent executions. */
export function concurrencyMistakes(name: string, text: string): string[] {
  if (text === '' || (/^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_CONCURRENCY)) return [];
  return [`${name}: invalid value "${text}"; use a number from 1 to ${MAX_CONCURRENCY}`];
}

/** Does not quote the value, because it may contain a provider's secret. */
function jsonMistakes(name: string, text: string): string[] {
  if (text === '') return [];
  try {
    if (isObject(JSON.parse(text))) return [];
  } catch {
    // Reported below.
  }
  return [`${name}: the value is not a JSON object; a path to a file is not possible here`];
}

function providersSecretMistakes({ loginProviders, loginProvidersSecret }: ServiceParameters): string[] {
  if (loginProvidersSecret === '') return [];
  if (loginProviders !== '') {
    return ['loginProvidersSecret: loginProviders is also given; use only one of them'];
  }
  const secret = parseSecretId(loginProvidersSecret);
  return typeof secret === 'string' ? [`loginProvidersSecret: ${secret}`] : [];
}

/**
 * Converts the parameters to the values that serverless.yml needs.
 * @param given parameters in which `checkService` found no problem
 * @param query the database of the query store
 * @param toDatabase converts the parameters of the service's own database
 */
export function toServiceDeployment(
  given: Given,
  query: DatabaseDeployment,
  toDatabase: (own: DatabaseParameters) => DatabaseDeployment,
): ServiceDeployment {
  const isOn = given.service === 'on';
  const own = ownDatabase(given);
  const database = own === null ? query : toDatabase(own);
  const only = (condition: boolean) => (isOn && condition ? 'yes' : 'no');
  return {
    service: isOn ? 'yes' : 'no',
    serviceReadsSecret: only(database.readsSecret === 'yes'),
    serviceDecryptsSecret: only(database.decryptsSecret === 'yes'),
    readsLoginProviders: only(given.loginProvidersSecret !== ''),
    serviceInVpc: only(query.inVpc === 'yes'),
    serviceUsesCluster: only(database.database === 'dsql'),
    serviceDatabase: database.database,
    serviceDatabaseUrl: database.databaseUrl,
    serviceDatabaseSecret: database.databaseSecret,
    ownDatabaseUrl: given.serviceDatabaseUrl,
    ownDatabaseSecret: given.serviceDatabaseSecret,
    serviceDatabaseSecretArn: database.databaseSecretArn,
    serviceDatabaseSecretKey: database.databaseSecretKey,
    serviceDatabaseSecretService: database.databaseSecretService,
    loginProviders: given.loginProviders,
    loginProvidersSecret: given.loginProvidersSecret,
    loginProvidersSecretArn: arnOfSecret(given.loginProvidersSecret),
    origins: given.origins,
    rateLimits: given.rateLimits,
    trustedProxies: given.trustedProxies,
    serviceConcurrency: given.serviceConcurrency === '' ? null : Number(given.serviceConcurrency),
  };
}
