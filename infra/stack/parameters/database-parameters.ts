import { parseSecretId } from '../../../lib/common/secret-id.ts';
import { readDatabaseUrl } from '../../../lib/database/database-address.ts';
import { hasPassword, sslModeProblem } from '../../../lib/database/database-url.ts';
import { mistakeOf, partitionMistakes } from './mistakes.ts';

/** An intrinsic function of CloudFormation. */
export type Substitution = { 'Fn::Sub': string };

/** What a deployment is told of its database; an empty one counts as not given. */
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

/** What serverless.yml makes of it. */
export interface DatabaseDeployment {
  database: 'dsql' | 'url';
  /** What the functions are told as DATABASE_URL, and as DATABASE_SECRET; empty where they are told something else. */
  databaseUrl: string;
  databaseSecret: string;
  /** What a policy calls that secret, the key it is encrypted with, and Secrets Manager as the key's user. */
  databaseSecretArn: Substitution | string;
  databaseSecretKey: string;
  databaseSecretService: string;
  /** Which of the files in infra/stack/options are part of the stack. */
  readsSecret: 'yes' | 'no';
  decryptsSecret: 'yes' | 'no';
  inVpc: 'yes' | 'no';
  vpcSubnets: string[];
  vpcSecurityGroups: string[];
}

const KEY = /^arn:[\w-]+:kms:([a-z0-9-]+):\d{12}:key\/[\w-]+$/;
/** Source: AWS Lambda API Reference, VpcConfig. */
const MAX_SUBNETS = 16;
const MAX_SECURITY_GROUPS = 5;

/** @returns what is wrong, one a line that begins with the parameter's name, and never what a secret one holds */
export function checkDatabase(given: DatabaseParameters, region: string): string[] {
  const { database } = given;
  if (database === '') {
    return ['database: it is not given; use dsql (the stack makes an Aurora DSQL cluster) or url (your own)'];
  }
  if (database === 'dsql') return clusterMistakes(given);
  if (database !== 'url') return [`database: "${database}" is none; use dsql or url`];
  return [...addressMistakes(given), ...secretMistakes(given, region), ...vpcMistakes(given)];
}

/** A cluster is reached without a VPC, and its tokens take no secret. */
function clusterMistakes({ databaseUrl, ...given }: DatabaseParameters): string[] {
  const others = [
    ...(databaseUrl ? ['databaseUrl (DATABASE_URL)'] : []),
    ...(['databaseSecret', 'databaseSecretKey', 'vpcSubnets', 'vpcSecurityGroups'] as const).filter(
      (name) => given[name],
    ),
  ];
  return others.map((name) => `database: it is dsql, and ${name} is given; take one out`);
}

function addressMistakes({ databaseUrl, databaseSecret }: DatabaseParameters): string[] {
  if (databaseUrl === '') {
    return databaseSecret
      ? []
      : ['database: it is url, and neither databaseUrl (DATABASE_URL) nor databaseSecret is given'];
  }
  const mistakes = mistakeOf('databaseUrl', () => readDatabaseUrl({ DATABASE_URL: databaseUrl }));
  if (mistakes.length > 0) return mistakes;
  const tls = sslModeProblem(databaseUrl);
  return [
    ...(tls === undefined ? [] : [`databaseUrl (DATABASE_URL): ${tls}`]),
    ...(databaseSecret && hasPassword(databaseUrl)
      ? ['databaseUrl (DATABASE_URL): it has a password, and databaseSecret is given; take one out']
      : []),
  ];
}

function secretMistakes({ databaseSecret, databaseSecretKey }: DatabaseParameters, region: string): string[] {
  if (databaseSecret === '') {
    return databaseSecretKey ? ['databaseSecretKey: it is given, and databaseSecret is not'] : [];
  }
  const secret = parseSecretId(databaseSecret);
  if (typeof secret === 'string') return [`databaseSecret: ${secret}`];
  const foreign = secret.region === null ? [] : partitionMistakes('databaseSecret', databaseSecret, region);
  if (foreign.length > 0 || databaseSecretKey === '') return foreign;
  const keyRegion = KEY.exec(databaseSecretKey)?.[1];
  // An alias does not do: a policy allows keys. Source: AWS KMS Developer Guide, "Best practices for IAM policies".
  if (keyRegion === undefined)
    return [`databaseSecretKey: "${databaseSecretKey}" is not the ARN of a KMS key`];
  const secretRegion = secret.region ?? region;
  if (keyRegion === secretRegion) return partitionMistakes('databaseSecretKey', databaseSecretKey, region);
  return [`databaseSecretKey: it is in ${keyRegion}, and the secret in ${secretRegion}`];
}

function vpcMistakes({ vpcSubnets, vpcSecurityGroups }: DatabaseParameters): string[] {
  if (vpcSubnets === '' && vpcSecurityGroups === '') return [];
  if (vpcSubnets === '') return ['vpcSubnets: it is not given, and vpcSecurityGroups is'];
  if (vpcSecurityGroups === '') return ['vpcSecurityGroups: it is not given, and vpcSubnets is'];
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
  if (new Set(ids).size < ids.length) return [`${name}: an id is there twice`];
  return ids.length > max ? [`${name}: there are ${ids.length}, and a function may have ${max}`] : [];
}

function toList(text: string): string[] {
  return text === '' ? [] : text.split(',').map((id) => id.trim());
}

/** @param given what `checkDatabase` found nothing wrong with */
export function toDatabaseDeployment(given: DatabaseParameters, region: string): DatabaseDeployment {
  const { databaseUrl, databaseSecret, databaseSecretKey, vpcSubnets, vpcSecurityGroups } = given;
  const secret = parseSecretId(databaseSecret);
  const secretRegion = typeof secret === 'string' ? null : secret.region;
  return {
    database: given.database === 'dsql' ? 'dsql' : 'url',
    databaseUrl,
    databaseSecret,
    databaseSecretArn: secretRegion === null ? arnOfName(databaseSecret) : databaseSecret,
    databaseSecretKey,
    // Source: AWS KMS Developer Guide, kms:ViaService.
    databaseSecretService: `secretsmanager.${secretRegion ?? region}.amazonaws.com`,
    readsSecret: databaseSecret === '' ? 'no' : 'yes',
    decryptsSecret: databaseSecretKey === '' ? 'no' : 'yes',
    inVpc: vpcSubnets === '' ? 'no' : 'yes',
    vpcSubnets: toList(vpcSubnets),
    vpcSecurityGroups: toList(vpcSecurityGroups),
  };
}

/** Behind a name come six characters that nobody knows beforehand, and that are not those of a longer name. Source: AWS Secrets Manager User Guide. */
function arnOfName(name: string): Substitution {
  const prefix = `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:`;
  return { 'Fn::Sub': `${prefix}${name}-??????` };
}
