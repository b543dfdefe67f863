import type { Environment } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { parseSecretId, type SecretId } from '../common/secret-id.ts';
import { DATABASE_URL_FORM, hasPassword, isDatabaseUrl, sslModeProblem } from './database-url.ts';

/** A database server: any PostgreSQL, or an Aurora DSQL cluster. */
export type DatabaseAddress =
  | { kind: 'postgresql'; url: string }
  | SecretAddress
  | { kind: 'dsql'; host: string; region: string; user: string };

/** A secret that says where a PostgreSQL is and as whom, or as whom alone, where `url` says where. */
export interface SecretAddress extends SecretId {
  kind: 'secret';
  url: string | null;
}

/** A cluster's endpoint, or one of a VPC. Source: Aurora DSQL User Guide, "Accessing Aurora DSQL". */
const DSQL_HOST = /^[a-z0-9]+\.dsql(?:-[a-z0-9]+)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.on\.aws$/;

/**
 * The database of the query store: DATABASE_URL, DATABASE_SECRET or DSQL_ENDPOINT, one of them; or of the first two both,
 * where the first holds no password.
 *
 * @throws {SetupError} naming them where none or too many are set, else the one that is wrong
 */
export function readDatabase(env: Environment): DatabaseAddress {
  const { DATABASE_URL: url, DATABASE_SECRET: secret, DSQL_ENDPOINT: host } = env;
  if (host && (url || secret)) {
    const names = ['DATABASE_URL', 'DATABASE_SECRET', 'DSQL_ENDPOINT'].filter((name) => env[name]);
    const both = names.length === 2 ? 'both' : 'all';
    throw new SetupError(`${names.join(' and ')} are ${both} set; set the one whose database is meant`);
  }
  if (secret) return readSecretAddress(secret, url || null);
  if (!url && !host) {
    throw new SetupError(
      `DATABASE_URL is not set; it looks like ${DATABASE_URL_FORM}; or set DATABASE_SECRET, the name or ARN of a secret with it, or for Aurora DSQL DSQL_ENDPOINT, which looks like abc123.dsql.us-east-1.on.aws`,
    );
  }
  if (!host) return { kind: 'postgresql', url: readDatabaseUrl(env) };
  const region = DSQL_HOST.exec(host)?.[1];
  if (region === undefined) {
    throw new SetupError(
      `DSQL_ENDPOINT=${host} is not the endpoint of an Aurora DSQL cluster; it looks like abc123.dsql.us-east-1.on.aws`,
    );
  }
  return { kind: 'dsql', host, region, user: readDsqlUser(env) };
}

/** The role that a cluster has from the beginning, and that may all. */
export const DSQL_ADMIN = 'admin';

function readDsqlUser({ DSQL_USER }: Environment): string {
  if (!DSQL_USER) return DSQL_ADMIN;
  if (/^[a-z_][a-z0-9_]{0,62}$/.test(DSQL_USER)) return DSQL_USER;
  throw new SetupError(`DSQL_USER=${DSQL_USER} is not the name of a role; it looks like query_reader`);
}

const ROLE_ARN = /^arn:aws(?:-[a-z]+)*:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;

/**
 * The roles of IAM that may be `query_writer` in a cluster.
 *
 * @throws {SetupError} naming the one that is none: they come to stand in a statement
 */
export function readWriters({ DSQL_WRITERS = '' }: Environment): string[] {
  const arns = DSQL_WRITERS.split(' ').filter((arn) => arn !== '');
  const wrong = arns.find((arn) => !ROLE_ARN.test(arn));
  if (wrong === undefined) return arns;
  throw new SetupError(
    `DSQL_WRITERS has ${JSON.stringify(wrong)}, which is not the ARN of a role; it looks like arn:aws:iam::123456789012:role/name`,
  );
}

/** What is wrong is not quoted: it may be the secret itself. */
function readSecretAddress(secret: string, url: string | null): SecretAddress {
  const parsed = parseSecretId(secret);
  if (typeof parsed === 'string') throw new SetupError(`DATABASE_SECRET: ${parsed}`);
  if (url !== null) {
    readDatabaseUrl({ DATABASE_URL: url });
    if (hasPassword(url)) {
      throw new SetupError('DATABASE_URL has a password, and DATABASE_SECRET is set; take one out');
    }
    const problem = sslModeProblem(url);
    if (problem !== undefined) throw new SetupError(`DATABASE_URL: ${problem}`);
  }
  return { kind: 'secret', ...parsed, url };
}

/** The same, or undefined where none is set. @throws {SetupError} as above */
export function readDatabaseIfAny(env: Environment): DatabaseAddress | undefined {
  return env.DATABASE_URL || env.DATABASE_SECRET || env.DSQL_ENDPOINT ? readDatabase(env) : undefined;
}

/** @throws {SetupError} unless DATABASE_URL is the address of a PostgreSQL database; it is never quoted: it holds a password */
export function readDatabaseUrl(env: Environment): string {
  const value = env.DATABASE_URL;
  if (!value || !isDatabaseUrl(value)) {
    const found = value ? 'is not the address of a PostgreSQL database' : 'is not set';
    throw new SetupError(`DATABASE_URL ${found}; it looks like ${DATABASE_URL_FORM}`);
  }
  return value;
}
