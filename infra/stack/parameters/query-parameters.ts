import {
  addressMistakes,
  type DatabaseDeployment,
  type DatabaseParameters,
  type Substitution,
  secretMistakes,
  toDatabaseDeployment,
} from './database-parameters.ts';
import { concurrencyMistakes, switchMistakes } from './mistakes.ts';

/** The parameters of the query API; an empty string counts as not given. */
export interface QueryParameters {
  queryApi: string;
  queryDatabaseUrl: string;
  queryDatabaseSecret: string;
  queryDatabaseSecretKey: string;
  queryConcurrency: string;
}

export const NO_QUERY: QueryParameters = {
  queryApi: '',
  queryDatabaseUrl: '',
  queryDatabaseSecret: '',
  queryDatabaseSecretKey: '',
  queryConcurrency: '',
};

/** The values that serverless.yml needs for the query API. */
export interface QueryDeployment {
  /** Each value selects what becomes part of the stack: the key `yes` or `no` of query-api.yml. */
  queryApi: 'yes' | 'no';
  queryUsesCluster: 'yes' | 'no';
  queryReadsSecret: 'yes' | 'no';
  queryDecryptsSecret: 'yes' | 'no';
  queryInVpc: 'yes' | 'no';
  /** The address of the query store with a user that can only read. Empty if the query store is the stack's cluster. */
  queryDatabaseUrl: string;
  queryDatabaseSecret: string;
  queryDatabaseSecretArn: Substitution | string;
  queryDatabaseSecretKey: string;
  queryDatabaseSecretService: string;
  /** Maximum concurrency of the function `query-api`. Null if it shares the concurrency of the account. */
  queryConcurrency: number | null;
}

type GivenForQuery = QueryParameters & DatabaseParameters;

const NAMES = {
  url: 'queryDatabaseUrl (QUERY_DATABASE_URL)',
  secret: 'queryDatabaseSecret',
  key: 'queryDatabaseSecretKey',
};

/** The parameters of the address of the database. */
const ADDRESS = ['queryDatabaseUrl', 'queryDatabaseSecret', 'queryDatabaseSecretKey'] as const;

/**
 * Checks the parameters of the query API.
 * @returns the problems, each one line that starts with the parameter's name and never contains a secret value
 */
export function checkQuery(given: GivenForQuery, region: string): string[] {
  const mistakes = [
    ...switchMistakes('queryApi', given.queryApi),
    ...concurrencyMistakes('queryConcurrency', given.queryConcurrency),
  ];
  if (mistakes.length > 0) return mistakes;
  if (given.queryApi !== 'on') return unusedMistakes(given);
  if (given.database === 'dsql') {
    return ADDRESS.filter((name) => given[name] !== '').map(
      (name) => `${name}: the query API reads the stack's own cluster; remove ${name}, or use database=url`,
    );
  }
  const readers = databaseOf(given);
  return [
    ...addressMistakes(readers, NAMES),
    ...secretMistakes(readers, region, NAMES),
    ...sameUserMistakes(given),
    ...(given.queryConcurrency === ''
      ? [
          'queryConcurrency: missing; PostgreSQL limits its connections, and each concurrent query uses one; for example, use 10',
        ]
      : []),
  ];
}

/** Ignores `queryDatabaseUrl`: its value can come from an environment variable that is meant for another deployment. */
function unusedMistakes(given: QueryParameters): string[] {
  const names = ['queryDatabaseSecret', 'queryDatabaseSecretKey', 'queryConcurrency'] as const;
  return names
    .filter((name) => given[name] !== '')
    .map((name) => `${name}: given without queryApi=on; add --param=queryApi=on, or remove ${name}`);
}

/** Rejects the database user of the other functions, because this user can write. */
function sameUserMistakes({ queryDatabaseUrl, queryDatabaseSecret, ...given }: GivenForQuery): string[] {
  const name =
    queryDatabaseSecret !== '' && queryDatabaseSecret === given.databaseSecret
      ? 'queryDatabaseSecret'
      : queryDatabaseSecret === '' && queryDatabaseUrl !== '' && queryDatabaseUrl === given.databaseUrl
        ? 'queryDatabaseUrl'
        : undefined;
  return name === undefined
    ? []
    : [
        `${name}: this is the user of the other functions, which can write; use a user with the role query_reader`,
      ];
}

/** Returns the parameters of the readers' database under the names of the parameters of the query store. */
function databaseOf(given: GivenForQuery): DatabaseParameters {
  return {
    ...given,
    databaseUrl: given.queryDatabaseUrl,
    databaseSecret: given.queryDatabaseSecret,
    databaseSecretKey: given.queryDatabaseSecretKey,
  };
}

/**
 * Converts the parameters to the values that serverless.yml needs.
 * @param given parameters in which `checkQuery` found no problem
 */
export function toQueryDeployment(given: GivenForQuery, region: string): QueryDeployment {
  const isOn = given.queryApi === 'on';
  const database: DatabaseDeployment = toDatabaseDeployment(databaseOf(given), region);
  const only = (condition: boolean) => (isOn && condition ? 'yes' : 'no');
  return {
    queryApi: only(true),
    queryUsesCluster: only(database.database === 'dsql'),
    queryReadsSecret: only(database.readsSecret === 'yes'),
    queryDecryptsSecret: only(database.decryptsSecret === 'yes'),
    queryInVpc: only(database.inVpc === 'yes'),
    queryDatabaseUrl: database.databaseUrl,
    queryDatabaseSecret: database.databaseSecret,
    queryDatabaseSecretArn: database.databaseSecretArn,
    queryDatabaseSecretKey: database.databaseSecretKey,
    queryDatabaseSecretService: database.databaseSecretService,
    queryConcurrency: given.queryConcurrency === '' ? null : Number(given.queryConcurrency),
  };
}
