import { SetupError } from '../../../lib/common/errors.ts';
import { readIdentityPoolIds, readPublishPolicy } from '../../../lib/common/function-settings.ts';
import type { Substitution } from './database-parameters.ts';
import { mistakeOf, switchMistakes } from './mistakes.ts';

/** The parameters of the poller, which watches Amazon's pools; an empty string counts as not given. */
export interface PoolParameters {
  identityPools: string;
  bulkPublishPolicy: string;
  poller: string;
}

export const NO_POOLS: PoolParameters = { identityPools: '', bulkPublishPolicy: '', poller: '' };

/** The values that serverless.yml needs for the poller. */
export interface PoolDeployment {
  /** `yes` if the stack contains the poller. */
  poller: 'yes' | 'no';
  pollerInVpc: 'yes' | 'no';
  identityPoolIds: string;
  /** ARNs of the pools that the poller may access. */
  poolArns: Substitution[];
  bulkPublishPolicy: string;
  /**
   * Each value selects the file in infra/stack/options that becomes part of the stack. For example, `listsPools: 'yes'`
   * selects lists-pools-yes.yml.
   */
  listsPools: 'yes' | 'no';
  startsBulkPublishes: 'yes' | 'no';
}

/**
 * Maximum number of pools that `identityPools` can name. Three limits of AWS lead to this number: the environment variables
 * of a function hold 4 KB, the inline policies of a role 10,240 characters, and a managed policy 6,144. Sources: AWS Lambda
 * Developer Guide, quotas; IAM User Guide, quotas.
 */
const MAX_POOLS = 30;

/** Checks the parameters of the poller. @returns the problems, each one line that starts with the parameter's name */
export function checkPools(
  { identityPools, bulkPublishPolicy, poller }: PoolParameters,
  region: string,
): string[] {
  return [
    ...mistakeOf('identityPools', () => readPools(identityPools, region)),
    ...mistakeOf('bulkPublishPolicy', () => readPublishPolicy({ BULK_PUBLISH_POLICY: bulkPublishPolicy })),
    ...switchMistakes('poller', poller),
    ...(poller === 'off' ? unusedMistakes({ identityPools, bulkPublishPolicy }) : []),
  ];
}

/** Only the poller uses these parameters. */
function unusedMistakes(given: Omit<PoolParameters, 'poller'>): string[] {
  const names = (['identityPools', 'bulkPublishPolicy'] as const).filter(
    (name) => !['', 'off'].includes(given[name]),
  );
  return names.map((name) => `${name}: has no effect with poller=off; remove ${name} or poller`);
}

/**
 * Converts the parameters to the values that serverless.yml needs.
 *
 * @param given parameters in which `checkPools` found no problem
 * @param stack whether the stack contains the service, uses an existing stream, and is in a VPC
 */
export function toPoolDeployment(
  given: PoolParameters,
  region: string,
  stack: { service: string; streamArn: string; inVpc: 'yes' | 'no' },
): PoolDeployment {
  const pools = readPools(given.identityPools, region);
  const policy = readPublishPolicy({ BULK_PUBLISH_POLICY: given.bulkPublishPolicy });
  const hasPoller = given.poller === '' ? followsAmazon(given, stack) : given.poller === 'on';
  const only = (condition: boolean) => (hasPoller && condition ? 'yes' : 'no');
  return {
    poller: only(true),
    pollerInVpc: only(stack.inVpc === 'yes'),
    identityPoolIds: (pools ?? []).join(','),
    poolArns: poolArns(pools),
    bulkPublishPolicy: given.bulkPublishPolicy || 'off',
    listsPools: only(pools === null),
    startsBulkPublishes: only(policy.kind !== 'off'),
  };
}

/**
 * Returns whether pools of Amazon's Cognito Sync probably use the stream of the stack. In a stack with the service, the
 * pools are usually those of the service, about which Amazon knows nothing. If the account cannot use Cognito Sync, or
 * if the region does not have it, the errors of the poller would raise alarms. Source: AWS General Reference, "Amazon
 * Cognito Sync endpoints and quotas".
 */
function followsAmazon(
  { identityPools, bulkPublishPolicy }: PoolParameters,
  { service, streamArn }: { service: string; streamArn: string },
): boolean {
  return service !== 'on' || [identityPools, bulkPublishPolicy, streamArn].some((text) => text !== '');
}

/**
 * Reads the ids of the named pools.
 * @throws {SetupError} an id is not that of a pool in the region, or there are more than MAX_POOLS ids
 */
function readPools(identityPools: string, region: string): string[] | null {
  const pools = readIdentityPoolIds({ IDENTITY_POOL_IDS: identityPools, AWS_REGION: region });
  if (pools === null || pools.length <= MAX_POOLS) return pools;
  throw new SetupError(
    `${pools.length} pools given, but at most ${MAX_POOLS} can be named; omit the parameter to use all pools that stream to the stack's stream`,
  );
}

/** Returns the ARNs of the pools. @param pools null for all pools of this account and region */
function poolArns(pools: readonly string[] | null): Substitution[] {
  const prefix = `arn:\${AWS::Partition}:cognito-sync:\${AWS::Region}:\${AWS::AccountId}:identitypool/`;
  return (pools ?? ['*']).map((id) => ({ 'Fn::Sub': `${prefix}${id}` }));
}
