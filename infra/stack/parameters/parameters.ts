import { isRegion } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import {
  readIdentityPoolIds,
  readParallelizationFactor,
  readPayloadPolicy,
  readPublishPolicy,
} from '../../../lib/common/function-settings.ts';
import { isObject } from '../../../lib/common/json.ts';
import mapping from '../project-stream-mapping.json' with { type: 'json' };
import { checkService, concurrencyMistakes } from './check-service.ts';
import {
  checkDatabase,
  type DatabaseDeployment,
  type DatabaseParameters,
  NO_DATABASE,
  type Substitution,
  toDatabaseDeployment,
} from './database-parameters.ts';
import { mistakeOf, partitionMistakes } from './mistakes.ts';
import {
  NO_SERVICE,
  type ServiceDeployment,
  type ServiceParameters,
  toServiceDeployment,
} from './service-parameters.ts';
import { type StackRoles, toStackRoles } from './stack-roles.ts';
import {
  checkStream,
  NO_STREAM,
  type StreamDeployment,
  type StreamParameters,
  toStreamDeployment,
} from './stream-parameters.ts';

/** The parameters of a deployment, as in `params` of serverless.yml; an empty string counts as not given. */
export interface DeploymentParameters extends DatabaseParameters, StreamParameters, ServiceParameters {
  identityPools: string;
  bulkPublishPolicy: string;
  publishTrust: string;
  payloadRegions: string;
  reservedConcurrency: string;
  syncTriggerConcurrency: string;
  alarmTopic: string;
  tracing: string;
}

const NOTHING: DeploymentParameters = {
  ...NO_DATABASE,
  ...NO_STREAM,
  ...NO_SERVICE,
  identityPools: '',
  bulkPublishPolicy: '',
  publishTrust: '',
  payloadRegions: '',
  reservedConcurrency: '',
  syncTriggerConcurrency: '',
  alarmTopic: '',
  tracing: '',
};

/** The values that serverless.yml needs to build the stack. */
export interface Deployment extends DatabaseDeployment, StreamDeployment, ServiceDeployment, StackRoles {
  identityPoolIds: string;
  /** ARNs of the pools that the bulk-publish poller may access. */
  poolArns: Substitution[];
  bulkPublishPolicy: string;
  /**
   * Each value selects the file in infra/stack/options that becomes part of the stack. For example, `listsPools: 'yes'`
   * selects lists-pools-yes.yml.
   */
  listsPools: 'yes' | 'no';
  startsBulkPublishes: 'yes' | 'no';
  publishTrust: 'account' | 'any';
  payloadRegions: string;
  /** Maximum concurrency of the function `project-stream`. Null if it shares the concurrency of the account. */
  reservedConcurrency: number | null;
  /** Executions reserved for `sync-trigger`, which are also its maximum. Null if it shares those of the account. */
  syncTriggerConcurrency: number | null;
  alarmActions: string[];
  tracing: 'yes' | 'no';
  tracingMode: 'Active' | 'PassThrough';
}

/**
 * The name of each Lambda function contains the stage. A function name has at most 64 characters, so the stage has at
 * most 20.
 */
const STAGE = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;
const TOPIC = /^arn:[\w-]+:sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}$/;
/**
 * Maximum number of pools that `identityPools` can name. Two limits of AWS lead to this number: the environment
 * variables of a function hold 4 KB, and the policies of a role hold 10,240 characters. Each pool's ARN can occur twice
 * in the policies. Sources: AWS Lambda Developer Guide, quotas; IAM User Guide, quotas.
 */
const MAX_POOLS = 30;

/** The argument that the Serverless Framework passes to a function that computes a variable of serverless.yml. */
interface Resolvers {
  resolveVariable: (variable: string) => Promise<unknown>;
  /** Returns the part of serverless.yml at a path, which lists the keys from the outside in. */
  resolveConfigurationProperty: (path: readonly string[]) => Promise<unknown>;
  /** Options of the command line. */
  options: Readonly<Record<string, unknown>>;
}

/**
 * Reads and checks the parameters of a deployment before anything is packaged. The result is the value of
 * `${file(infra/stack/parameters/parameters.js):deployment}` in serverless.yml.
 *
 * @throws {SetupError} a parameter is invalid; the message names each one and never contains a secret value
 */
export async function deployment(resolvers: Resolvers): Promise<Deployment> {
  const { resolveVariable } = resolvers;
  const given = await Promise.all(
    Object.keys(NOTHING).map(async (name) => [name, toText(await resolveVariable(`param:${name}`))] as const),
  );
  const stage = toText(await resolveVariable('sls:stage'));
  const region = toText(await resolveVariable('self:provider.region'));
  const names = await givenNames(resolvers, stage);
  try {
    return checkParameters(Object.fromEntries(given), { stage, region, names });
  } catch (error) {
    // If an error has a stack trace, the framework prints it instead of the message.
    if (error instanceof SetupError) error.stack = '';
    throw error;
  }
}

/** Returns the names of all given parameters, including unknown ones. */
async function givenNames(
  { options, resolveConfigurationProperty }: Resolvers,
  stage: string,
): Promise<string[]> {
  const written = await Promise.all(
    ['default', stage].map((of) => resolveConfigurationProperty(['params', of]).catch(() => null)),
  );
  const said = Array.isArray(options.param)
    ? options.param.map((text) => String(text).split('=', 1)[0] ?? '')
    : [];
  return [...written.flatMap((params) => (isObject(params) ? Object.keys(params) : [])), ...said];
}

/** Converts a parameter to text. YAML parses an unquoted `on` or `off` as a boolean, so booleans are converted back. */
function toText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
}

/** @throws {SetupError} a parameter is invalid; the message names each one on its own line */
export function checkParameters(
  parameters: Partial<DeploymentParameters>,
  { stage, region, names = [] }: { stage: string; region: string; names?: readonly string[] },
): Deployment {
  const given: DeploymentParameters = { ...NOTHING, ...parameters };
  const mistakes = [
    ...nameMistakes(names),
    ...stageMistakes(stage),
    ...(isRegion(region)
      ? [
          ...checkDatabase(given, region),
          ...checkStream(given, region),
          ...checkService(given, region),
          ...valueMistakes(given, region),
        ]
      : [`region: "${region}" is not the name of a region; use, for example, us-east-1`]),
    ...mistakeOf('parallelizationFactor in infra/stack/project-stream-mapping.json', () =>
      readParallelizationFactor({ PARALLELIZATION_FACTOR: String(mapping.parallelizationFactor) }),
    ),
  ];
  if (mistakes.length > 0) throw new SetupError(`invalid deployment parameters:\n${mistakes.join('\n')}`);
  return toDeployment(given, { stage, region });
}

function nameMistakes(names: readonly string[]): string[] {
  const known = Object.keys(NOTHING);
  const unknown = names.filter((name) => !known.includes(name));
  return unknown.map((name) => `${name}: unknown parameter; the parameters are ${known.join(', ')}`);
}

function stageMistakes(stage: string): string[] {
  if (STAGE.test(stage)) return [];
  return [
    `stage: invalid value "${stage}"; use up to 20 lower-case letters, digits and hyphens, starting with a letter`,
  ];
}

function valueMistakes(given: DeploymentParameters, region: string): string[] {
  const { identityPools, bulkPublishPolicy, publishTrust, payloadRegions } = given;
  const { reservedConcurrency, syncTriggerConcurrency, alarmTopic, tracing } = given;
  return [
    ...mistakeOf('identityPools', () => readPools(identityPools, region)),
    ...mistakeOf('bulkPublishPolicy', () => readPublishPolicy({ BULK_PUBLISH_POLICY: bulkPublishPolicy })),
    ...(['', 'account', 'any'].includes(publishTrust)
      ? []
      : [`publishTrust: invalid value "${publishTrust}"; use account or any`]),
    ...mistakeOf('payloadRegions', () =>
      readPayloadPolicy({ PAYLOAD_REGIONS: payloadRegions, AWS_REGION: region }),
    ),
    ...concurrencyMistakes('reservedConcurrency', reservedConcurrency),
    ...concurrencyMistakes('syncTriggerConcurrency', syncTriggerConcurrency),
    ...topicMistakes(alarmTopic, region),
    ...(['', 'on', 'off'].includes(tracing) ? [] : [`tracing: invalid value "${tracing}"; use on or off`]),
  ];
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

function topicMistakes(alarmTopic: string, region: string): string[] {
  if (alarmTopic === '') return [];
  const topicRegion = TOPIC.exec(alarmTopic)?.[1];
  if (topicRegion === undefined) return [`alarmTopic: "${alarmTopic}" is not the ARN of an SNS topic`];
  // The topic must be in the region of the alarm. Source: Amazon CloudWatch User Guide, alarm actions.
  if (topicRegion !== region) {
    return [
      `alarmTopic: the topic is in ${topicRegion}, but the stack is in ${region}; use a topic in the region of the stack`,
    ];
  }
  return partitionMistakes('alarmTopic', alarmTopic, region);
}

function toDeployment(
  given: DeploymentParameters,
  { stage, region }: { stage: string; region: string },
): Deployment {
  const database = toDatabaseDeployment(given, region);
  const service = toServiceDeployment(given, database, region, (own) => toDatabaseDeployment(own, region));
  const pools = readPools(given.identityPools, region);
  const policy = readPublishPolicy({ BULK_PUBLISH_POLICY: given.bulkPublishPolicy });
  return {
    ...database,
    ...toStreamDeployment(given, region),
    ...service,
    ...toStackRoles(service, stage),
    identityPoolIds: (pools ?? []).join(','),
    poolArns: poolArns(pools),
    bulkPublishPolicy: given.bulkPublishPolicy || 'off',
    listsPools: pools === null ? 'yes' : 'no',
    startsBulkPublishes: policy.kind === 'off' ? 'no' : 'yes',
    publishTrust: given.publishTrust === 'any' ? 'any' : 'account',
    payloadRegions: given.payloadRegions,
    reservedConcurrency: toNumber(given.reservedConcurrency),
    syncTriggerConcurrency: toNumber(given.syncTriggerConcurrency),
    alarmActions: given.alarmTopic === '' ? [] : [given.alarmTopic],
    tracing: given.tracing === 'on' ? 'yes' : 'no',
    tracingMode: given.tracing === 'on' ? 'Active' : 'PassThrough',
  };
}

/** Returns the number in a parameter; null if the parameter is not given. */
function toNumber(text: string): number | null {
  return text === '' ? null : Number(text);
}

/** Returns the ARNs of the pools. @param pools null for all pools of this account and region */
function poolArns(pools: readonly string[] | null): Substitution[] {
  const prefix = `arn:\${AWS::Partition}:cognito-sync:\${AWS::Region}:\${AWS::AccountId}:identitypool/`;
  return (pools ?? ['*']).map((id) => ({ 'Fn::Sub': `${prefix}${id}` }));
}
