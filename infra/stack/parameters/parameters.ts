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
import {
  checkDatabase,
  type DatabaseDeployment,
  type DatabaseParameters,
  NO_DATABASE,
  type Substitution,
  toDatabaseDeployment,
} from './database-parameters.ts';
import { mistakeOf, partitionMistakes } from './mistakes.ts';

/** What a deployment is told, as in `params` of serverless.yml; an empty one counts as not given. */
export interface DeploymentParameters extends DatabaseParameters {
  identityPools: string;
  bulkPublishPolicy: string;
  publishTrust: string;
  payloadRegions: string;
  reservedConcurrency: string;
  alarmTopic: string;
  tracing: string;
}

const NOTHING: DeploymentParameters = {
  ...NO_DATABASE,
  identityPools: '',
  bulkPublishPolicy: '',
  publishTrust: '',
  payloadRegions: '',
  reservedConcurrency: '',
  alarmTopic: '',
  tracing: '',
};

/** What serverless.yml makes the stack of. */
export interface Deployment extends DatabaseDeployment {
  identityPoolIds: string;
  /** The pools that the poller may look at. */
  poolArns: Substitution[];
  bulkPublishPolicy: string;
  /** Which of the files in infra/stack/options are part of the stack. */
  listsPools: 'yes' | 'no';
  startsBulkPublishes: 'yes' | 'no';
  publishTrust: 'account' | 'any';
  payloadRegions: string;
  /** Null leaves it to the account. */
  reservedConcurrency: number | null;
  alarmActions: string[];
  tracing: 'yes' | 'no';
  tracingMode: 'Active' | 'PassThrough';
}

/** Names of functions have 64 characters; this leaves 20 of them to the stage. */
const STAGE = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;
const TOPIC = /^arn:[\w-]+:sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}$/;
const MAX_CONCURRENCY = 10_000;
/**
 * An environment of Lambda holds 4 KB, and the policies of a role 10,240 characters, in which each pool's ARN stands up
 * to twice. Source: AWS Lambda Developer Guide, quotas; IAM User Guide, quotas.
 */
const MAX_POOLS = 30;

/** What the framework hands to a function that a variable stands for. */
interface Resolvers {
  resolveVariable: (variable: string) => Promise<unknown>;
  /** A part of serverless.yml, by its path. */
  resolveConfigurationProperty: (path: readonly string[]) => Promise<unknown>;
  /** Of the command line. */
  options: Readonly<Record<string, unknown>>;
}

/**
 * The parameters of a deployment, checked before anything is packaged: what `${file(infra/stack/parameters/parameters.js):deployment}`
 * stands for.
 *
 * @throws {SetupError} naming each parameter that is wrong, and never what a secret one holds
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
    // The framework prints the stack where there is one, and the reader needs the message.
    if (error instanceof SetupError) error.stack = '';
    throw error;
  }
}

/** How the parameters are called that are given at all, rightly or not. */
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

/** YAML reads `on` and `off` as truth values. */
function toText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
}

/** @throws {SetupError} naming each parameter that is wrong, one a line */
export function checkParameters(
  parameters: Partial<DeploymentParameters>,
  { stage, region, names = [] }: { stage: string; region: string; names?: readonly string[] },
): Deployment {
  const given: DeploymentParameters = { ...NOTHING, ...parameters };
  const mistakes = [
    ...nameMistakes(names),
    ...stageMistakes(stage),
    ...(isRegion(region)
      ? [...checkDatabase(given, region), ...valueMistakes(given, region)]
      : [`region: "${region}" is none; one looks like us-east-1`]),
    ...mistakeOf('parallelizationFactor in infra/stack/project-stream-mapping.json', () =>
      readParallelizationFactor({ PARALLELIZATION_FACTOR: String(mapping.parallelizationFactor) }),
    ),
  ];
  if (mistakes.length > 0) throw new SetupError(`this cannot be deployed:\n${mistakes.join('\n')}`);
  return toDeployment(given, region);
}

function nameMistakes(names: readonly string[]): string[] {
  const known = Object.keys(NOTHING);
  const unknown = names.filter((name) => !known.includes(name));
  return unknown.map((name) => `${name}: there is no such parameter; there are ${known.join(', ')}`);
}

function stageMistakes(stage: string): string[] {
  if (STAGE.test(stage)) return [];
  return [
    `stage: "${stage}" is none; it has up to 20 lower-case letters, digits and hyphens, and begins with a letter`,
  ];
}

function valueMistakes(given: DeploymentParameters, region: string): string[] {
  const { identityPools, bulkPublishPolicy, publishTrust, payloadRegions } = given;
  const { reservedConcurrency, alarmTopic, tracing } = given;
  return [
    ...mistakeOf('identityPools', () => readPools(identityPools, region)),
    ...mistakeOf('bulkPublishPolicy', () => readPublishPolicy({ BULK_PUBLISH_POLICY: bulkPublishPolicy })),
    ...(['', 'account', 'any'].includes(publishTrust)
      ? []
      : [`publishTrust: "${publishTrust}" is none; use account or any`]),
    ...mistakeOf('payloadRegions', () =>
      readPayloadPolicy({ PAYLOAD_REGIONS: payloadRegions, AWS_REGION: region }),
    ),
    ...(reservedConcurrency === '' || isConcurrency(reservedConcurrency)
      ? []
      : [`reservedConcurrency: "${reservedConcurrency}" is none; use a number from 1 to ${MAX_CONCURRENCY}`]),
    ...topicMistakes(alarmTopic, region),
    ...(['', 'on', 'off'].includes(tracing) ? [] : [`tracing: "${tracing}" is none; use on or off`]),
  ];
}

/** @throws {SetupError} they are no pools of the region, or more than one can name */
function readPools(identityPools: string, region: string): string[] | null {
  const pools = readIdentityPoolIds({ IDENTITY_POOL_IDS: identityPools, AWS_REGION: region });
  if (pools === null || pools.length <= MAX_POOLS) return pools;
  throw new SetupError(
    `there are ${pools.length}, and ${MAX_POOLS} can be named; give none for all that stream to the stack's stream`,
  );
}

function isConcurrency(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_CONCURRENCY;
}

function topicMistakes(alarmTopic: string, region: string): string[] {
  if (alarmTopic === '') return [];
  const itsRegion = TOPIC.exec(alarmTopic)?.[1];
  if (itsRegion === undefined) return [`alarmTopic: "${alarmTopic}" is not the ARN of an SNS topic`];
  // Source: Amazon CloudWatch User Guide, alarm actions: the topic is in the alarm's region.
  if (itsRegion !== region) return [`alarmTopic: it is in ${itsRegion}, and the stack in ${region}`];
  return partitionMistakes('alarmTopic', alarmTopic, region);
}

function toDeployment(given: DeploymentParameters, region: string): Deployment {
  const pools = readPools(given.identityPools, region);
  const policy = readPublishPolicy({ BULK_PUBLISH_POLICY: given.bulkPublishPolicy });
  return {
    ...toDatabaseDeployment(given, region),
    identityPoolIds: (pools ?? []).join(','),
    poolArns: poolArns(pools),
    bulkPublishPolicy: given.bulkPublishPolicy || 'off',
    listsPools: pools === null ? 'yes' : 'no',
    startsBulkPublishes: policy.kind === 'off' ? 'no' : 'yes',
    publishTrust: given.publishTrust === 'any' ? 'any' : 'account',
    payloadRegions: given.payloadRegions,
    reservedConcurrency: given.reservedConcurrency === '' ? null : Number(given.reservedConcurrency),
    alarmActions: given.alarmTopic === '' ? [] : [given.alarmTopic],
    tracing: given.tracing === 'on' ? 'yes' : 'no',
    tracingMode: given.tracing === 'on' ? 'Active' : 'PassThrough',
  };
}

/** @param pools null stands for all of this account and region */
function poolArns(pools: readonly string[] | null): Substitution[] {
  const prefix = `arn:\${AWS::Partition}:cognito-sync:\${AWS::Region}:\${AWS::AccountId}:identitypool/`;
  return (pools ?? ['*']).map((id) => ({ 'Fn::Sub': `${prefix}${id}` }));
}
