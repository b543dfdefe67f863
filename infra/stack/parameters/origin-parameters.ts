import { SetupError } from '../../../lib/common/errors.ts';
import { readIdentityPoolIds } from '../../../lib/common/function-settings.ts';
import { readOriginEndpoint, readOriginRate } from '../../../lib/common/origin-address.ts';
import {
  arnOfSecret,
  keyMistakes,
  type Substitution,
  secretMistakes,
  secretsManagerOf,
} from './database-parameters.ts';
import { mistakeOf } from './mistakes.ts';
import { streamArnMistakes, streamNameOf } from './stream-parameters.ts';

/** The parameters of a migration from an origin; an empty string counts as not given. */
export interface OriginParameters {
  originStreamArn: string;
  originStreamKey: string;
  originPools: string;
  originEndpoint: string;
  originKeysSecret: string;
  originKeysSecretKey: string;
  originRate: string;
}

export const NO_MIGRATION: OriginParameters = {
  originStreamArn: '',
  originStreamKey: '',
  originPools: '',
  originEndpoint: '',
  originKeysSecret: '',
  originKeysSecretKey: '',
  originRate: '',
};

/** The values that serverless.yml needs for a migration. */
export interface OriginDeployment {
  /** Each value selects what becomes part of the stack: the key `yes` or `no` of a part of infra/stack/service/origin.yml. */
  origin: 'yes' | 'no';
  originInVpc: 'yes' | 'no';
  /** `yes` if the functions call Amazon's service with their roles. */
  originIsAmazon: 'yes' | 'no';
  readsOriginKeys: 'yes' | 'no';
  decryptsOriginKeys: 'yes' | 'no';
  decryptsOriginStream: 'yes' | 'no';
  originStreamArn: string;
  originStreamName: string;
  originStreamKey: string;
  originEndpoint: string;
  originRate: string;
  originKeysSecret: string;
  originKeysSecretArn: Substitution | string;
  originKeysSecretKey: string;
  originKeysSecretService: string;
  /** ARNs of the pools that are migrated: in Cognito Identity, in Cognito Sync, and the data of their identities. */
  originPoolArns: Substitution[];
  originSyncPoolArns: Substitution[];
  originDataArns: Substitution[];
}

/** Maximum number of pools. A managed policy, which contains up to two ARNs of each pool, can have 6,144 characters. */
const MAX_POOLS = 10;

/**
 * Checks the parameters of a migration.
 * @param stack the stream of the stack, and whether the stack contains the service
 * @returns the problems, each one line that starts with the parameter's name and never contains a secret value
 */
export function checkOriginParameters(
  given: OriginParameters,
  stack: { service: string; streamArn: string; stage: string; region: string },
): string[] {
  const names = Object.keys(NO_MIGRATION) as (keyof OriginParameters)[];
  const { originStreamArn } = given;
  if (originStreamArn === '') {
    return names
      .filter((name) => given[name] !== '')
      .map(
        (name) => `${name}: given without originStreamArn; pass the stream of the origin, or remove ${name}`,
      );
  }
  return [
    ...(stack.service === 'on'
      ? []
      : [
          'originStreamArn: given without service=on; add --param=service=on, or remove the parameters of the origin',
        ]),
    ...streamMistakes(given, stack),
    ...(given.originEndpoint === ''
      ? amazonMistakes(given, stack.region)
      : serviceMistakes(given, stack.region)),
    ...mistakeOf('originRate', () => readOriginRate({ ORIGIN_RATE: given.originRate })),
  ];
}

function streamMistakes(
  { originStreamArn, originStreamKey }: OriginParameters,
  { streamArn, stage, region }: { streamArn: string; stage: string; region: string },
): string[] {
  const mistakes = streamArnMistakes('originStreamArn', originStreamArn, region);
  if (mistakes.length > 0) return mistakes;
  const isOwn =
    streamArn === ''
      ? streamNameOf(originStreamArn) === `cognito-sync-${stage}`
      : streamArn === originStreamArn;
  return [
    ...(isOwn
      ? [
          'originStreamArn: the service publishes to this stream itself; deploy the service as another stage, with a stream of its own',
        ]
      : []),
    ...(originStreamKey === ''
      ? []
      : keyMistakes('originStreamKey', originStreamKey, { what: 'the stream', region })),
  ];
}

/** Amazon's service is called with the roles of the functions, which may access only the given pools. */
function amazonMistakes(given: OriginParameters, region: string): string[] {
  const { originPools, originKeysSecret, originKeysSecretKey } = given;
  return [
    ...(originPools === ''
      ? ['originPools: missing; list the ids of the identity pools that you migrate from Amazon']
      : mistakeOf('originPools', () => readPools(originPools, region))),
    ...(originKeysSecret === '' && originKeysSecretKey === ''
      ? []
      : ['originKeysSecret: given without originEndpoint; Amazon is called with the roles of the functions']),
  ];
}

function serviceMistakes(given: OriginParameters, region: string): string[] {
  const { originEndpoint, originPools, originKeysSecret, originKeysSecretKey } = given;
  const names = { secret: 'originKeysSecret', key: 'originKeysSecretKey' };
  const secret = { databaseSecret: originKeysSecret, databaseSecretKey: originKeysSecretKey };
  return [
    ...(originEndpoint.startsWith('https://')
      ? mistakeOf('originEndpoint', () => readOriginEndpoint({ ORIGIN_ENDPOINT_URL: originEndpoint }))
      : ['originEndpoint: use the https address of the origin']),
    ...(originKeysSecret === ''
      ? ['originKeysSecret: missing; originEndpoint requires a secret with the keys of the origin']
      : secretMistakes(secret, region, names)),
    ...(originPools === ''
      ? []
      : ['originPools: has no effect with originEndpoint, because the keys of the origin decide; remove it']),
  ];
}

/** @throws {SetupError} an id is not that of a pool in the region, or there are more than MAX_POOLS ids */
function readPools(originPools: string, region: string): string[] {
  const pools = readIdentityPoolIds({ IDENTITY_POOL_IDS: originPools, AWS_REGION: region }) ?? [];
  if (pools.length <= MAX_POOLS) return pools;
  throw new SetupError(`${pools.length} pools given, but one stack can migrate at most ${MAX_POOLS}`);
}

/** Converts the parameters to the values that serverless.yml needs. @param given parameters without problems */
export function toOriginDeployment(
  given: OriginParameters,
  region: string,
  inVpc: 'yes' | 'no',
): OriginDeployment {
  const only = (condition: boolean) => (given.originStreamArn !== '' && condition ? 'yes' : 'no');
  const pools = given.originPools === '' ? [] : readPools(given.originPools, region);
  const arnsIn = (service: string, path = '') =>
    pools.map((id) => ({
      'Fn::Sub': `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:identitypool/${id}${path}`,
    }));
  return {
    origin: only(true),
    originInVpc: only(inVpc === 'yes'),
    originIsAmazon: only(given.originEndpoint === ''),
    readsOriginKeys: only(given.originKeysSecret !== ''),
    decryptsOriginKeys: only(given.originKeysSecretKey !== ''),
    decryptsOriginStream: only(given.originStreamKey !== ''),
    originStreamArn: given.originStreamArn,
    originStreamName: streamNameOf(given.originStreamArn),
    originStreamKey: given.originStreamKey,
    originEndpoint: given.originEndpoint,
    originRate: given.originRate,
    originKeysSecret: given.originKeysSecret,
    originKeysSecretArn: arnOfSecret(given.originKeysSecret),
    originKeysSecretKey: given.originKeysSecretKey,
    originKeysSecretService: secretsManagerOf(given.originKeysSecret, region),
    originPoolArns: arnsIn('cognito-identity'),
    originSyncPoolArns: arnsIn('cognito-sync'),
    originDataArns: arnsIn('cognito-sync', '/identity/*'),
  };
}
