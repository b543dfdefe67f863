import {
  readDatabaseUrl,
  readIdentityPoolIds,
  readParallelizationFactor,
  readPayloadPolicy,
  readPublishPolicy,
} from '../lib/config.ts';
import { SetupError } from '../lib/errors.ts';
import mapping from './project-stream-mapping.json' with { type: 'json' };

/** What a deployment is told, as in `params` of serverless.yml; an empty one counts as not given. */
const NAMES = [
  'database',
  'databaseUrl',
  'databaseSecret',
  'identityPools',
  'bulkPublishPolicy',
  'payloadRegions',
  'reservedConcurrency',
  'alarmTopic',
  'tracing',
] as const;

export type DeploymentParameters = Record<(typeof NAMES)[number], string>;

/** An intrinsic function of CloudFormation. */
type Substitution = { 'Fn::Sub': string };

/** What serverless.yml makes the stack of. */
export interface Deployment {
  database: 'dsql' | 'url';
  /** What the functions are told as DATABASE_URL; empty where they are told a cluster instead. */
  databaseUrl: string;
  identityPoolIds: string;
  /** The pools that the poller may look at. */
  poolArns: Substitution[];
  bulkPublishPolicy: string;
  /** Which of the files in infra/options are part of the stack. */
  listsPools: 'yes' | 'no';
  startsBulkPublishes: 'yes' | 'no';
  payloadRegions: string;
  /** Null leaves it to the account. */
  reservedConcurrency: number | null;
  alarmActions: string[];
  tracing: 'yes' | 'no';
  tracingMode: 'Active' | 'PassThrough';
}

/** Names of functions have 64 characters; this leaves 20 of them to the stage. */
const STAGE = /^[a-z](?:[a-z0-9-]{0,18}[a-z0-9])?$/;
const SECRET = /^(?:[\w/+=.@-]{1,512}|arn:[\w-]+:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+)$/;
const TOPIC = /^arn:[\w-]+:sns:([a-z0-9-]+):\d{12}:[\w-]{1,256}$/;
const MAX_CONCURRENCY = 10_000;

type ResolveVariable = (variable: string) => Promise<unknown>;

/**
 * The parameters of a deployment, checked before anything is packaged: what `${file(infra/parameters.js):deployment}`
 * stands for.
 *
 * @throws {SetupError} naming each parameter that is wrong, and never what a secret one holds
 */
export async function deployment({
  resolveVariable,
}: {
  resolveVariable: ResolveVariable;
}): Promise<Deployment> {
  const given = await Promise.all(
    NAMES.map(async (name) => [name, toText(await resolveVariable(`param:${name}`))] as const),
  );
  const stage = toText(await resolveVariable('sls:stage'));
  const region = toText(await resolveVariable('self:provider.region'));
  try {
    return checkParameters(Object.fromEntries(given), { stage, region });
  } catch (error) {
    // The framework prints the stack where there is one, and the reader needs the message.
    if (error instanceof SetupError) error.stack = '';
    throw error;
  }
}

/** YAML reads `on` and `off` as truth values. */
function toText(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' || typeof value === 'number' ? String(value).trim() : '';
}

/** @throws {SetupError} naming each parameter that is wrong, one a line */
export function checkParameters(
  parameters: Partial<DeploymentParameters>,
  { stage, region }: { stage: string; region: string },
): Deployment {
  const given: DeploymentParameters = { ...EMPTY, ...parameters };
  const mistakes = [
    ...stageMistakes(stage),
    ...databaseMistakes(given),
    ...valueMistakes(given, region),
    ...mistakeOf('parallelizationFactor in infra/project-stream-mapping.json', () =>
      readParallelizationFactor({ PARALLELIZATION_FACTOR: String(mapping.parallelizationFactor) }),
    ),
  ];
  if (mistakes.length > 0) throw new SetupError(`this cannot be deployed:\n${mistakes.join('\n')}`);
  return toDeployment(given, region);
}

const EMPTY: DeploymentParameters = {
  database: '',
  databaseUrl: '',
  databaseSecret: '',
  identityPools: '',
  bulkPublishPolicy: '',
  payloadRegions: '',
  reservedConcurrency: '',
  alarmTopic: '',
  tracing: '',
};

function stageMistakes(stage: string): string[] {
  if (STAGE.test(stage)) return [];
  return [
    `stage: "${stage}" is none; it has up to 20 lower-case letters, digits and hyphens, and begins with a letter`,
  ];
}

function databaseMistakes({ database, databaseUrl, databaseSecret }: DeploymentParameters): string[] {
  if (database === '') {
    return ['database: it is not given; use dsql (the stack makes an Aurora DSQL cluster) or url (your own)'];
  }
  if (database !== 'dsql' && database !== 'url') return [`database: "${database}" is none; use dsql or url`];
  const urls = [
    ...(databaseUrl ? ['databaseUrl (DATABASE_URL)'] : []),
    ...(databaseSecret ? ['databaseSecret'] : []),
  ];
  if (database === 'dsql')
    return urls.map((name) => `database: it is dsql, and ${name} is given; take one out`);
  if (urls.length === 0) {
    return ['database: it is url, and neither databaseUrl (DATABASE_URL) nor databaseSecret is given'];
  }
  if (urls.length > 1) return ['databaseSecret: databaseUrl (DATABASE_URL) is given as well; take one out'];
  if (databaseUrl) {
    return mistakeOf('databaseUrl', () => readDatabaseUrl({ DATABASE_URL: databaseUrl }));
  }
  return SECRET.test(databaseSecret)
    ? []
    : ['databaseSecret: it is not the name or ARN of a secret in Secrets Manager'];
}

function valueMistakes(given: DeploymentParameters, region: string): string[] {
  const { identityPools, bulkPublishPolicy, payloadRegions, reservedConcurrency, alarmTopic, tracing } =
    given;
  return [
    ...mistakeOf('identityPools', () =>
      readIdentityPoolIds({ IDENTITY_POOL_IDS: identityPools, AWS_REGION: region }),
    ),
    ...mistakeOf('bulkPublishPolicy', () => readPublishPolicy({ BULK_PUBLISH_POLICY: bulkPublishPolicy })),
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

function isConcurrency(text: string): boolean {
  return /^[1-9]\d{0,4}$/.test(text) && Number(text) <= MAX_CONCURRENCY;
}

function topicMistakes(alarmTopic: string, region: string): string[] {
  if (alarmTopic === '') return [];
  const itsRegion = TOPIC.exec(alarmTopic)?.[1];
  if (itsRegion === undefined) return [`alarmTopic: "${alarmTopic}" is not the ARN of an SNS topic`];
  // Source: Amazon CloudWatch User Guide, alarm actions: the topic is in the alarm's region.
  return itsRegion === region ? [] : [`alarmTopic: it is in ${itsRegion}, and the stack in ${region}`];
}

function mistakeOf(name: string, read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof SetupError) return [`${name}: ${error.message}`];
    throw error;
  }
}

function toDeployment(given: DeploymentParameters, region: string): Deployment {
  const pools = readIdentityPoolIds({ IDENTITY_POOL_IDS: given.identityPools, AWS_REGION: region });
  const policy = readPublishPolicy({ BULK_PUBLISH_POLICY: given.bulkPublishPolicy });
  return {
    database: given.database === 'dsql' ? 'dsql' : 'url',
    databaseUrl: given.databaseSecret
      ? `{{resolve:secretsmanager:${given.databaseSecret}:SecretString}}`
      : given.databaseUrl,
    identityPoolIds: (pools ?? []).join(','),
    poolArns: poolArns(pools),
    bulkPublishPolicy: given.bulkPublishPolicy || 'off',
    listsPools: pools === null ? 'yes' : 'no',
    startsBulkPublishes: policy.kind === 'off' ? 'no' : 'yes',
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
