import { isIP, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PublishPolicy } from './bulk-publish/decide-start.ts';
import { DATABASE_URL_FORM, hasPassword, isDatabaseUrl, sslModeProblem } from './database-url.ts';
import { SetupError } from './errors.ts';
import { isLoopback, LOOPBACK } from './loopback.ts';
import { parseSecretId, type SecretId } from './secret-id.ts';
import type { PayloadPolicy } from './stream/payload-url.ts';

/** Environment variables as the process has them; an empty one counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

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

export const DEFAULT_SQL_PORT = 4581;
export const DEFAULT_DATA_DIR = '.data';
export const DEFAULT_CREDENTIALS: Credentials = { accessKeyId: 'local', secretAccessKey: 'local' };

/** The sync rules unless SYNC_RULES names others: those at the top of the checkout, which functions import. */
export const DEFAULT_RULES_FILE = fileURLToPath(new URL('../sync-rules.ts', import.meta.url));

/** The stream that identity pools are published to unless told otherwise. */
export const STREAM_NAME = 'cognito-sync';

/** What a stream can be called. Source: Amazon Kinesis Data Streams API Reference, CreateStream. */
export const STREAM_NAME_PATTERN = '[a-zA-Z0-9_.-]+';
export const MAX_STREAM_NAME_LENGTH = 128;

const REGION = /^[a-z]{2}(-[a-z]+)+-\d$/;

export function isRegion(text: string): boolean {
  return REGION.test(text);
}

/** @throws {SetupError} naming the variable, what it holds (unless secret) and what it may hold */
export function readLocalConfig(env: Environment): LocalConfig {
  const credentials = readCredentials(env);
  const region = env.AWS_REGION || 'us-east-1';
  if (!isRegion(region)) {
    throw new SetupError(`AWS_REGION=${region} is not the name of a region; one looks like us-east-1`);
  }
  return {
    host: readHost(env, credentials),
    port: readPort(env, 'PORT', 4580),
    sqlPort: readPort(env, 'PG_PORT', DEFAULT_SQL_PORT),
    dataDir: env.DATA_DIR || DEFAULT_DATA_DIR,
    databaseUrl: env.DATABASE_URL ? readDatabaseUrl(env) : undefined,
    region,
    credentials,
    rulesFile: readRulesFile(env),
  };
}

/** @returns the absolute path; whether there is a file is seen when it is loaded */
export function readRulesFile({ SYNC_RULES }: Environment): string {
  return SYNC_RULES ? resolve(SYNC_RULES) : DEFAULT_RULES_FILE;
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

/** Where a command finds the service it works on, and as whom. */
export interface ClientConfig {
  url: string;
  /** Where the query store is read. */
  sqlUrl: string;
  region: string;
  credentials: Credentials;
}

/** Without a word from the environment: a local cloud on its default ports. @throws {SetupError} as above */
export function readClientConfig(env: Environment): ClientConfig {
  const { port, sqlPort, region, credentials, databaseUrl } = readLocalConfig(env);
  return {
    url: env.AWS_ENDPOINT_URL || `http://127.0.0.1:${port}`,
    sqlUrl: databaseUrl ?? `postgres://postgres@127.0.0.1:${sqlPort}/postgres`,
    region,
    credentials,
  };
}

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

export function isStreamName(text: string): boolean {
  return text.length <= MAX_STREAM_NAME_LENGTH && new RegExp(`^${STREAM_NAME_PATTERN}$`).test(text);
}

/** The stream that a function writes to, or follows. @throws {SetupError} naming the variable that is missing or wrong */
export function readStream(env: Environment): { region: string; streamName: string } {
  const { AWS_REGION: region, STREAM_NAME: streamName } = env;
  if (!region) throw new SetupError('AWS_REGION is not set; it is the region of the stream');
  if (!streamName || !isStreamName(streamName)) {
    throw new SetupError(
      `STREAM_NAME=${streamName ?? ''} is not the name of a stream; use the Kinesis stream's`,
    );
  }
  return { region, streamName };
}

/**
 * From where offloaded payloads may be fetched: S3 of the regions in PAYLOAD_REGIONS, else of AWS_REGION, and the origin
 * in PAYLOAD_ORIGIN, if any.
 *
 * @throws {SetupError} naming the variable that is missing or wrong
 */
export function readPayloadPolicy(env: Environment): PayloadPolicy {
  const name = env.PAYLOAD_REGIONS ? 'PAYLOAD_REGIONS' : 'AWS_REGION';
  const value = env[name];
  if (!value) {
    throw new SetupError(
      'neither PAYLOAD_REGIONS nor AWS_REGION is set; use the regions that payloads lie in, separated by commas',
    );
  }
  const regions = value.split(',').map((region) => region.trim());
  const wrong = regions.find((region) => !isRegion(region));
  if (wrong !== undefined) {
    throw new SetupError(
      `${name}=${value}: "${wrong}" is not the name of a region; one looks like us-east-1`,
    );
  }
  return { regions, ownOrigin: env.PAYLOAD_ORIGIN ? readOrigin(env.PAYLOAD_ORIGIN) : null };
}

function readOrigin(value: string): string {
  const url = URL.parse(value);
  // An origin is written with a slash at its end or without; anything more makes it a URL, with secrets perhaps.
  if (!url || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new SetupError(
      'PAYLOAD_ORIGIN is not an origin of http or https; one looks like http://127.0.0.1:4580',
    );
  }
  return url.origin;
}

/** How many batches of one shard the function is given at the same time. @throws {SetupError} */
export function readParallelizationFactor(env: Environment): number {
  const value = env.PARALLELIZATION_FACTOR || '1';
  if (!/^([1-9]|10)$/.test(value)) {
    throw new SetupError(
      `PARALLELIZATION_FACTOR=${value} is not one; it is the event source mapping's, from 1 to 10`,
    );
  }
  return Number(value);
}

/** The identity pool's id, in the form that the API takes. Source: Amazon Cognito Sync API Reference. */
const IDENTITY_POOL_ID = /^(?=.{1,55}$)([\w-]+):[0-9a-f-]+$/;

/**
 * The pools in IDENTITY_POOL_IDS, separated by commas.
 *
 * @returns null where it is not set: all pools are meant
 * @throws {SetupError} naming all that is wrong with it
 */
export function readIdentityPoolIds({
  IDENTITY_POOL_IDS: value,
  AWS_REGION: region,
}: Environment): string[] | null {
  if (!value?.trim()) return null;
  const ids = value.split(',').map((id) => id.trim());
  const mistakes = ids.flatMap((id, index) => {
    if (id === '') return ['there is nothing before or after a comma'];
    const itsRegion = IDENTITY_POOL_ID.exec(id)?.[1];
    if (itsRegion === undefined) return [`"${id}" is not the id of an identity pool`];
    if (region && itsRegion !== region) return [`"${id}" is not in the region ${region}`];
    return ids.indexOf(id) < index ? [`"${id}" is there twice`] : [];
  });
  if (mistakes.length > 0) throw new SetupError(`IDENTITY_POOL_IDS: ${[...new Set(mistakes)].join(', ')}`);
  return ids;
}

/**
 * Where an event source mapping puts what it gives up: `s3://bucket/prefix`, or the absolute path of a directory.
 *
 * @returns null where FAILURES is not set
 * @throws {SetupError} it is an address of S3 without a bucket
 */
export function readFailures({ FAILURES: value }: Environment): string | null {
  if (!value) return null;
  if (!value.startsWith('s3:')) return resolve(value);
  if (!/^s3:\/\/[a-z0-9][a-z0-9.-]+(\/|$)/.test(value)) {
    throw new SetupError(
      `FAILURES=${value} names no bucket; it looks like s3://bucket/prefix, or is a directory`,
    );
  }
  return value;
}

/** When bulk publishes are started without being asked for. @throws {SetupError} BULK_PUBLISH_POLICY is none */
export function readPublishPolicy({ BULK_PUBLISH_POLICY: value }: Environment): PublishPolicy {
  if (!value || value === 'off') return { kind: 'off' };
  if (value === 'first') return { kind: 'first' };
  const days = Number(/^every ([1-9]\d{0,2}) days?$/.exec(value)?.[1]);
  if (Number.isNaN(days)) {
    throw new SetupError(`BULK_PUBLISH_POLICY=${value} is none; use off, first, or one such as every 7 days`);
  }
  return { kind: 'every', days };
}

function readPort(env: Environment, name: string, byDefault: number): number {
  const value = env[name] || String(byDefault);
  if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) {
    throw new SetupError(
      `${name}=${value} is not a port; use a number from 1 to 65535, or 0 for any that is free`,
    );
  }
  return Number(value);
}

function readCredentials(env: Environment): Credentials {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId && !secretAccessKey) return DEFAULT_CREDENTIALS;
  if (!accessKeyId || !secretAccessKey) {
    throw new SetupError(
      'only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set; set both, or none for local / local',
    );
  }
  return { accessKeyId, secretAccessKey };
}
