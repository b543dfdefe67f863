import { parseSecretId } from '../../../lib/common/secret-id.ts';
import { readDatabaseUrl } from '../../../lib/database/database-address.ts';
import { hasPassword, sslModeProblem } from '../../../lib/database/database-url.ts';
import { mistakeOf, partitionMistakes } from './mistakes.ts';

/** An intrinsic function of CloudFormation. */
export type Substitution = { 'Fn::Sub': string };

/** The database parameters of a deployment; an empty string counts as not given. */
export interface DatabaseParameters {
  database: string;
  databaseUrl: string;
  databaseSecret: string;
  databaseSecretKey: string;
  vpcSubnets: string;
  vpcSecurityGroups: string;
}

export const NO_DATABASE: DatabaseParameters = {
  database: '',
  databaseUrl: '',
  databaseSecret: '',
  databaseSecretKey: '',
  vpcSubnets: '',
  vpcSecurityGroups: '',
};

/** The values that serverless.yml needs for the database. */
export interface DatabaseDeployment {
  database: 'dsql' | 'url';
  /** The environment variables DATABASE_URL and DATABASE_SECRET of the functions. An empty value counts as not set. */
  databaseUrl: string;
  databaseSecret: string;
  /** Values for IAM policies: the secret, its encryption key, and Secrets Manager as the service that uses the key. */
  databaseSecretArn: Substitution | string;
  databaseSecretKey: string;
  databaseSecretService: string;
  /**
   * Each value selects the file in infra/stack/options that becomes part of the stack. For example, `inVpc: 'yes'`
   * selects vpc-yes.yml.
   */
  readsSecret: 'yes' | 'no';
  decryptsSecret: 'yes' | 'no';
  inVpc: 'yes' | 'no';
  vpcSubnets: string[];
  vpcSecurityGroups: string[];
}

const KEY = /^arn:[\w-]+:kms:([a-z0-9-]+):\d{12}:key\/[\w-]+$/;
/**
 * Maximum number of subnets and of security groups of one Lambda function. Source: AWS Lambda API Reference, VpcConfig.
 */
const MAX_SUBNETS = 16;
const MAX_SECURITY_GROUPS = 5;

/**
 * Checks the database parameters.
 * @returns the problems, each one line that starts with the parameter's name and never contains a secret value
 */
export function checkDatabase(given: DatabaseParameters, region: string): string[] {
  const { database } = given;
  if (database === '') {
    return [
      'database: missing; use dsql (the stack creates an Aurora DSQL cluster) or url (your own database)',
    ];
  }
  if (database === 'dsql') return clusterMistakes(given);
  if (database !== 'url') return [`database: invalid value "${database}"; use dsql or url`];
  return [...addressMistakes(given, NAMES), ...secretMistakes(given, region, NAMES), ...vpcMistakes(given)];
}

/** The names of the parameters of a database, for messages. */
export interface DatabaseParameterNames {
  url: string;
  secret: string;
  key: string;
}

const NAMES: DatabaseParameterNames = {
  url: 'databaseUrl (DATABASE_URL)',
  secret: 'databaseSecret',
  key: 'databaseSecretKey',
};

/**
 * Reports the parameters that cannot be combined with a DSQL cluster. The functions reach such a cluster without a VPC,
 * and log in with authentication tokens instead of a secret.
 */
function clusterMistakes({ databaseUrl, ...given }: DatabaseParameters): string[] {
  const others = [
    ...(databaseUrl ? ['databaseUrl (DATABASE_URL)'] : []),
    ...(['databaseSecret', 'databaseSecretKey', 'vpcSubnets', 'vpcSecurityGroups'] as const).filter(
      (name) => given[name],
    ),
  ];
  return others.map((name) => `database: dsql cannot be combined with ${name}; remove ${name}, or use url`);
}

/** Checks the address of a PostgreSQL database. @param names the names of the parameters */
export function addressMistakes(
  { databaseUrl, databaseSecret }: DatabaseParameters,
  names: DatabaseParameterNames,
): string[] {
  if (databaseUrl === '') {
    return databaseSecret ? [] : [`database: url requires ${names.url} or ${names.secret}; set one of them`];
  }
  const [name = ''] = names.url.split(' ', 1);
  const mistakes = mistakeOf(name, () => readDatabaseUrl({ DATABASE_URL: databaseUrl }));
  if (mistakes.length > 0) return mistakes;
  const tls = sslModeProblem(databaseUrl);
  return [
    ...(tls === undefined ? [] : [`${names.url}: ${tls}`]),
    ...(databaseSecret && hasPassword(databaseUrl)
      ? [
          `${names.url}: the URL contains a password, but ${names.secret} is also given; remove the password or ${names.secret}`,
        ]
      : []),
  ];
}

/** Checks a secret and the key that encrypts it. @param names the names of the parameters */
export function secretMistakes(
  { databaseSecret, databaseSecretKey }: Pick<DatabaseParameters, 'databaseSecret' | 'databaseSecretKey'>,
  region: string,
  names: Pick<DatabaseParameterNames, 'secret' | 'key'>,
): string[] {
  if (databaseSecret === '') {
    return databaseSecretKey ? [`${names.key}: given without ${names.secret}; set both or neither`] : [];
  }
  const secret = parseSecretId(databaseSecret);
  if (typeof secret === 'string') return [`${names.secret}: ${secret}`];
  const foreign = secret.region === null ? [] : partitionMistakes(names.secret, databaseSecret, region);
  if (foreign.length > 0 || databaseSecretKey === '') return foreign;
  return keyMistakes(names.key, databaseSecretKey, { what: 'the secret', region: secret.region ?? region });
}

/** Checks the parameter `name`, the ARN of a KMS key. @param encrypted what the key encrypts, and its region */
export function keyMistakes(
  name: string,
  key: string,
  encrypted: { what: string; region: string },
): string[] {
  const keyRegion = KEY.exec(key)?.[1];
  // The ARN of an alias is rejected, because a policy grants access to keys, not to aliases. Source: AWS KMS Developer
  // Guide, "Best practices for IAM policies".
  if (keyRegion === undefined) return [`${name}: "${key}" is not the ARN of a KMS key`];
  const { what, region } = encrypted;
  if (keyRegion === region) return partitionMistakes(name, key, region);
  return [
    `${name}: the key is in ${keyRegion}, but ${what} is in ${region}; use a key in the region of ${what}`,
  ];
}

function vpcMistakes({ vpcSubnets, vpcSecurityGroups }: DatabaseParameters): string[] {
  if (vpcSubnets === '' && vpcSecurityGroups === '') return [];
  if (vpcSubnets === '') return ['vpcSubnets: missing, but vpcSecurityGroups is given; set both or neither'];
  if (vpcSecurityGroups === '') {
    return ['vpcSecurityGroups: missing, but vpcSubnets is given; set both or neither'];
  }
  return [
    ...idMistakes('vpcSubnets', vpcSubnets, { prefix: 'subnet', what: 'a subnet', max: MAX_SUBNETS }),
    ...idMistakes('vpcSecurityGroups', vpcSecurityGroups, {
      prefix: 'sg',
      what: 'a security group',
      max: MAX_SECURITY_GROUPS,
    }),
  ];
}

function idMistakes(
  name: string,
  list: string,
  { prefix, what, max }: { prefix: string; what: string; max: number },
): string[] {
  const ids = toList(list);
  const id = new RegExp(`^${prefix}-(?:[0-9a-f]{8}|[0-9a-f]{17})$`);
  const wrong = ids.find((each) => !id.test(each));
  if (wrong !== undefined) return [`${name}: "${wrong}" is not the id of ${what}`];
  if (new Set(ids).size < ids.length)
    return [`${name}: the id of ${what} is listed twice; list each id once`];
  return ids.length > max ? [`${name}: ${ids.length} ids given, but a function can have at most ${max}`] : [];
}

function toList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((id) => id.trim());
}

/**
 * Converts the parameters to the values that serverless.yml needs.
 * @param given parameters in which `checkDatabase` found no problem
 */
export function toDatabaseDeployment(given: DatabaseParameters, region: string): DatabaseDeployment {
  const { databaseUrl, databaseSecret, databaseSecretKey, vpcSubnets, vpcSecurityGroups } = given;
  return {
    database: given.database === 'dsql' ? 'dsql' : 'url',
    databaseUrl,
    databaseSecret,
    databaseSecretArn: arnOfSecret(databaseSecret),
    databaseSecretKey,
    databaseSecretService: secretsManagerOf(databaseSecret, region),
    readsSecret: databaseSecret === '' ? 'no' : 'yes',
    decryptsSecret: databaseSecretKey === '' ? 'no' : 'yes',
    inVpc: vpcSubnets === '' ? 'no' : 'yes',
    vpcSubnets: toList(vpcSubnets),
    vpcSecurityGroups: toList(vpcSecurityGroups),
  };
}

/**
 * Returns Secrets Manager's name in the policy of a key. Source: AWS KMS Developer Guide, kms:ViaService.
 *
 * @param given the name or ARN of the secret; may be empty
 * @param region the region of a secret that is given by name
 */
export function secretsManagerOf(given: string, region: string): string {
  const secret = parseSecretId(given);
  const secretRegion = typeof secret === 'string' ? null : secret.region;
  return `secretsmanager.${secretRegion ?? region}.amazonaws.com`;
}

/** Returns the resource of a policy that allows reading a secret. @param given a name or an ARN; may be empty */
export function arnOfSecret(given: string): Substitution | string {
  const secret = parseSecretId(given);
  return typeof secret === 'string' || secret.region === null ? arnOfName(given) : given;
}

/**
 * Returns the ARN pattern of a secret that is given by name. In the ARN, Secrets Manager appends a hyphen and six
 * random characters to the name. The pattern has one `?` for each random character. It therefore does not match other
 * secrets whose longer names start with the same name. Source: AWS Secrets Manager User Guide.
 */
function arnOfName(name: string): Substitution {
  const prefix = `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:`;
  return { 'Fn::Sub': `${prefix}${name}-??????` };
}
