import type { Environment } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { parseSecretId, type SecretId } from '../common/secret-id.ts';
import { DATABASE_URL_FORM, hasPassword, isDatabaseUrl, sslModeProblem } from './database-url.ts';

/** A database server: PostgreSQL or an Aurora DSQL cluster. */
export type DatabaseAddress =
  | { kind: 'postgresql'; url: string }
  | SecretAddress
  | { kind: 'dsql'; host: string; region: string; user: string };

/** A secret that contains a PostgreSQL server's location and login, or only the login if `url` has the location. */
export interface SecretAddress extends SecretId {
  kind: 'secret';
  url: string | null;
}

/** The endpoint of a cluster, public or in a VPC. Source: Aurora DSQL User Guide, "Accessing Aurora DSQL". */
const DSQL_HOST = /^[a-z0-9]+\.dsql(?:-[a-z0-9]+)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.on\.aws$/;

/**
 * Reads the address of the query store's database from one of DATABASE_URL, DATABASE_SECRET and DSQL_ENDPOINT.
 * DATABASE_URL and DATABASE_SECRET may both be set if DATABASE_URL contains no password.
 *
 * @throws {SetupError} no variable or too many variables are set, or a variable is invalid; the message names the
 *   variables
 */
export function readDatabase(env: Environment): DatabaseAddress {
  const { DATABASE_URL: url, DATABASE_SECRET: secret, DSQL_ENDPOINT: host } = env;
  if (host && (url || secret)) {
    const names = ['DATABASE_URL', 'DATABASE_SECRET', 'DSQL_ENDPOINT'].filter((name) => env[name]);
    const both = names.length === 2 ? 'both' : 'all';
    throw new SetupError(
      `${names.join(' and ')} are ${both} set; set only the one for the database that you use`,
    );
  }
  if (secret) return readSecretAddress(secret, url || null);
  if (!url && !host) {
    throw new SetupError(
      `DATABASE_URL is not set; set it to ${DATABASE_URL_FORM}, or set DATABASE_SECRET to the name or ARN of a secret that contains it, or, for Aurora DSQL, set DSQL_ENDPOINT to an endpoint such as abc123.dsql.us-east-1.on.aws`,
    );
  }
  if (!host) return { kind: 'postgresql', url: readDatabaseUrl(env) };
  const region = DSQL_HOST.exec(host)?.[1];
  if (region === undefined) {
    throw new SetupError(
      `invalid DSQL_ENDPOINT "${host}": use the endpoint of an Aurora DSQL cluster such as abc123.dsql.us-east-1.on.aws`,
    );
  }
  return { kind: 'dsql', host, region, user: readDsqlUser(env) };
}

/** The role that every cluster is created with and that has all privileges. */
export const DSQL_ADMIN = 'admin';

function readDsqlUser({ DSQL_USER }: Environment): string {
  if (!DSQL_USER) return DSQL_ADMIN;
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(DSQL_USER)) return DSQL_USER;
  throw new SetupError(
    `invalid DSQL_USER "${DSQL_USER}": use the name of a database role such as query_reader`,
  );
}

const ROLE_ARN = /^arn:aws(?:-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;

/**
 * Reads DSQL_WRITERS, DSQL_SERVICE_WRITERS and DSQL_READERS, the ARNs of the IAM roles that may connect to a cluster as
 * `query_writer`, `service_writer` and `query_reader`. Spaces separate the ARNs.
 *
 * @throws {SetupError} an ARN is invalid; the message quotes it. ARNs are validated because they become part of a
 *   statement
 */
export function readAllowedRoles(env: Environment): {
  queryStore: string[];
  service: string[];
  readers: string[];
} {
  return {
    queryStore: readArns(env, 'DSQL_WRITERS'),
    service: readArns(env, 'DSQL_SERVICE_WRITERS'),
    readers: readArns(env, 'DSQL_READERS'),
  };
}

function readArns(env: Environment, name: string): string[] {
  const arns = (env[name] ?? '').split(' ').filter((arn) => arn !== '');
  const invalid = arns.find((arn) => !ROLE_ARN.test(arn));
  if (invalid === undefined) return arns;
  throw new SetupError(
    `invalid ${name}: ${JSON.stringify(invalid)} is not a role ARN; use ARNs such as arn:aws:iam::123456789012:role/name`,
  );
}

/** Reads DATABASE_SECRET. Errors do not quote an invalid value, because it may be the secret itself. */
function readSecretAddress(secret: string, url: string | null): SecretAddress {
  const parsed = parseSecretId(secret);
  if (typeof parsed === 'string') throw new SetupError(`invalid DATABASE_SECRET: ${parsed}`);
  if (url !== null) {
    readDatabaseUrl({ DATABASE_URL: url });
    if (hasPassword(url)) {
      throw new SetupError(
        'DATABASE_URL contains a password although DATABASE_SECRET is set; remove the password or unset DATABASE_SECRET',
      );
    }
    const problem = sslModeProblem(url);
    if (problem !== undefined) throw new SetupError(`invalid DATABASE_URL: ${problem}`);
  }
  return { kind: 'secret', ...parsed, url };
}

/**
 * Reads the address as `readDatabase` does, but returns undefined if no variable is set.
 *
 * @throws {SetupError} as `readDatabase`
 */
export function readDatabaseIfAny(env: Environment): DatabaseAddress | undefined {
  return env.DATABASE_URL || env.DATABASE_SECRET || env.DSQL_ENDPOINT ? readDatabase(env) : undefined;
}

/**
 * Reads DATABASE_URL. Errors never quote it, because it contains a password.
 *
 * @throws {SetupError} DATABASE_URL is not the address of a PostgreSQL database
 */
export function readDatabaseUrl(env: Environment): string {
  const value = env.DATABASE_URL;
  if (!value || !isDatabaseUrl(value)) {
    throw new SetupError(
      value
        ? `invalid DATABASE_URL: it is not the address of a PostgreSQL database; use ${DATABASE_URL_FORM}`
        : `DATABASE_URL is not set; set it to ${DATABASE_URL_FORM}`,
    );
  }
  return value;
}
