import { isRegion } from '../../../lib/common/environment.ts';
import { SetupError } from '../../../lib/common/errors.ts';
import { readParallelizationFactor, readPayloadPolicy } from '../../../lib/common/function-settings.ts';
import { isObject } from '../../../lib/common/json.ts';
import mapping from '../project-stream-mapping.json' with { type: 'json' };
import { checkService } from './check-service.ts';
import {
  checkDatabase,
  type DatabaseDeployment,
  type DatabaseParameters,
  NO_DATABASE,
  toDatabaseDeployment,
} from './database-parameters.ts';
import { concurrencyMistakes, mistakeOf, partitionMistakes, switchMistakes } from './mistakes.ts';
import {
  checkOriginParameters,
  NO_MIGRATION,
  type OriginDeployment,
  type OriginParameters,
  toOriginDeployment,
} from './origin-parameters.ts';
import {
  checkPools,
  NO_POOLS,
  type PoolDeployment,
  type PoolParameters,
  toPoolDeployment,
} from './pool-parameters.ts';
import {
  checkQuery,
  NO_QUERY,
  type QueryDeployment,
  type QueryParameters,
  toQueryDeployment,
} from './query-parameters.ts';
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
export interface DeploymentParameters
  extends DatabaseParameters,
    StreamParameters,
    PoolParameters,
    QueryParameters,
    ServiceParameters,
    OriginParameters {
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
  ...NO_POOLS,
  ...NO_QUERY,
  ...NO_SERVICE,
  ...NO_MIGRATION,
  publishTrust: '',
  payloadRegions: '',
  reservedConcurrency: '',
  syncTriggerConcurrency: '',
  alarmTopic: '',
  tracing: '',
};

/** The values that serverless.yml needs to build the stack. */
export interface Deployment
  extends DatabaseDeployment,
    StreamDeployment,
    PoolDeployment,
    QueryDeployment,
    ServiceDeployment,
    OriginDeployment,
    StackRoles {
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
 * The name of each Lambda function contains the stage. A function name has at most 64 characters. The longest one is that
 * of `finish-identity-deletions`, so the stage has at most 17.
 */
const STAGE = /^[a-z](?:[a-z0-9-]{0,15}[a-z0-9])?$/;
const TOPIC = /^arn:[\w-]+:sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}$/;
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
          ...checkPools(given, region),
          ...checkService(given, region),
          ...checkQuery(given, region),
          ...checkOriginParameters(given, { ...given, stage, region }),
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
    `stage: invalid value "${stage}"; use up to 17 lower-case letters, digits and hyphens, starting with a letter`,
  ];
}

function valueMistakes(given: DeploymentParameters, region: string): string[] {
  const { publishTrust, payloadRegions } = given;
  const { reservedConcurrency, syncTriggerConcurrency, alarmTopic, tracing } = given;
  return [
    ...(['', 'account', 'any'].includes(publishTrust)
      ? []
      : [`publishTrust: invalid value "${publishTrust}"; use account or any`]),
    ...mistakeOf('payloadRegions', () =>
      readPayloadPolicy({ PAYLOAD_REGIONS: payloadRegions, AWS_REGION: region }),
    ),
    ...concurrencyMistakes('reservedConcurrency', reservedConcurrency),
    ...concurrencyMistakes('syncTriggerConcurrency', syncTriggerConcurrency),
    ...topicMistakes(alarmTopic, region),
    ...switchMistakes('tracing', tracing),
  ];
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
  const query = toQueryDeployment(given, region);
  const origin = toOriginDeployment(given, region, database.inVpc);
  const pools = toPoolDeployment(given, region, { ...given, inVpc: database.inVpc });
  return {
    ...database,
    ...toStreamDeployment(given, region),
    ...pools,
    ...query,
    ...service,
    ...origin,
    ...toStackRoles({ ...service, ...pools, ...query, ...origin }, stage),
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
