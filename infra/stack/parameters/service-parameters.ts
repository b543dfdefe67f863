import {
  arnOfSecret,
  type DatabaseDeployment,
  type DatabaseParameters,
  type Substitution,
  secretsManagerOf,
} from './database-parameters.ts';
import type { OriginParameters } from './origin-parameters.ts';

/** The parameters of the self-hosted service; an empty string counts as not given. */
export interface ServiceParameters {
  service: string;
  serviceDatabaseUrl: string;
  serviceDatabaseSecret: string;
  serviceDatabaseSecretKey: string;
  serviceConcurrency: string;
  functionUrl: string;
  loginProviders: string;
  loginProvidersSecret: string;
  loginProvidersSecretKey: string;
  pushProvidersSecret: string;
  pushProvidersSecretKey: string;
  origins: string;
  rateLimits: string;
  syncLimits: string;
  trustedProxies: string;
}

export const NO_SERVICE: ServiceParameters = {
  service: '',
  serviceDatabaseUrl: '',
  serviceDatabaseSecret: '',
  serviceDatabaseSecretKey: '',
  serviceConcurrency: '',
  functionUrl: '',
  loginProviders: '',
  loginProvidersSecret: '',
  loginProvidersSecretKey: '',
  pushProvidersSecret: '',
  pushProvidersSecretKey: '',
  origins: '',
  rateLimits: '',
  syncLimits: '',
  trustedProxies: '',
};

export const SERVICE_PARAMETERS = Object.keys(NO_SERVICE) as (keyof ServiceParameters)[];

/** The values that serverless.yml needs for the service. */
export interface ServiceDeployment {
  /** Each value selects what becomes part of the stack: the key `yes` or `no` of a file in infra/stack. */
  service: 'yes' | 'no';
  functionUrl: 'yes' | 'no';
  serviceReadsSecret: 'yes' | 'no';
  serviceDecryptsSecret: 'yes' | 'no';
  readsLoginProviders: 'yes' | 'no';
  decryptsLoginProviders: 'yes' | 'no';
  readsPushProviders: 'yes' | 'no';
  decryptsPushProviders: 'yes' | 'no';
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
  loginProvidersSecretKey: string;
  loginProvidersSecretService: string;
  pushProvidersSecret: string;
  pushProvidersSecretArn: Substitution | string;
  pushProvidersSecretKey: string;
  pushProvidersSecretService: string;
  origins: string;
  rateLimits: string;
  syncLimits: string;
  trustedProxies: string;
  /** Maximum concurrency of the function `service-api`. Null if it shares the concurrency of the account. */
  serviceConcurrency: number | null;
  /** Executions reserved for `relay-outbox`. Null if it shares the concurrency of the account. */
  relayConcurrency: number | null;
}

/** The parameters on which the service depends. */
export type GivenForService = ServiceParameters &
  DatabaseParameters &
  Pick<OriginParameters, 'originEndpoint' | 'originKeysSecret'>;

/**
 * Returns the parameters of the service's own database under the names of the parameters of the query store; null if
 * the service has no database of its own.
 */
export function ownDatabase(given: GivenForService): DatabaseParameters | null {
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

/**
 * Converts the parameters to the values that serverless.yml needs.
 * @param given parameters in which `checkService` found no problem
 * @param query the database of the query store
 * @param toDatabase converts the parameters of the service's own database
 */
export function toServiceDeployment(
  given: GivenForService,
  query: DatabaseDeployment,
  region: string,
  toDatabase: (own: DatabaseParameters) => DatabaseDeployment,
): ServiceDeployment {
  const isOn = given.service === 'on';
  const own = ownDatabase(given);
  const database = own === null ? query : toDatabase(own);
  const only = (condition: boolean) => (isOn && condition ? 'yes' : 'no');
  return {
    service: isOn ? 'yes' : 'no',
    functionUrl: only(given.functionUrl !== 'off'),
    serviceReadsSecret: only(database.readsSecret === 'yes'),
    serviceDecryptsSecret: only(database.decryptsSecret === 'yes'),
    readsLoginProviders: only(given.loginProvidersSecret !== ''),
    decryptsLoginProviders: only(given.loginProvidersSecretKey !== ''),
    readsPushProviders: only(given.pushProvidersSecret !== ''),
    decryptsPushProviders: only(given.pushProvidersSecretKey !== ''),
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
    loginProvidersSecretKey: given.loginProvidersSecretKey,
    loginProvidersSecretService: secretsManagerOf(given.loginProvidersSecret, region),
    pushProvidersSecret: given.pushProvidersSecret,
    pushProvidersSecretArn: arnOfSecret(given.pushProvidersSecret),
    pushProvidersSecretKey: given.pushProvidersSecretKey,
    pushProvidersSecretService: secretsManagerOf(given.pushProvidersSecret, region),
    origins: given.origins,
    rateLimits: given.rateLimits,
    syncLimits: given.syncLimits,
    trustedProxies: given.trustedProxies,
    serviceConcurrency: given.serviceConcurrency === '' ? null : Number(given.serviceConcurrency),
    // Two executions, because a run can overlap with the next one. AWS allows a reservation only above a certain quota
    // of the account, so nothing is reserved unless the operator has set a concurrency.
    relayConcurrency: given.serviceConcurrency === '' ? null : 2,
  };
}
