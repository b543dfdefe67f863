import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import limits from '../../infra/stack/function-limits.json' with { type: 'json' };
import { createBridgeReporter, createCheckReporter } from '../../lib/aws/telemetry.ts';
import { createEmptyPostgresDatabase } from '../fixtures/database/databases.ts';
import { bundleFunction } from '../fixtures/stack/bundle-function.ts';
import {
  type DeployableCopy,
  makeDeployableCopy,
  type Packaged,
  packageServiceOnce,
} from '../fixtures/stack/deployable-copy.ts';
import { policySizes } from '../fixtures/stack/policy-sizes.ts';
import { runBundle } from '../fixtures/stack/run-bundle.ts';
import { grantsByRole } from '../fixtures/stack/stack-grants.ts';
import { metricsOfAlarm, metricsOfLines } from '../fixtures/stack/stack-metrics.ts';
import { environmentOf, functionOf } from '../fixtures/stack/stack-parts.ts';

const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/cognito-old';
const POOL = 'us-east-1:11111111-2222-4333-8444-555555555555';
const SECRET = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:origin-AbC123';
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/4567';
const STREAM_KEY = 'arn:aws:kms:us-east-1:123456789012:key/6789';
/** A region with a long name. */
const FAR = 'ap-southeast-2';
const TOPIC = 'arn:aws:sns:us-east-1:123456789012:alarms';
const ROLES = ['ServiceApiRole', 'FollowOriginRole', 'CheckOriginRole', 'BridgeOriginRole'] as const;
const noCfnLint = spawnSync('cfn-lint', ['--version']).status !== 0;

let copy: DeployableCopy;
let without: Packaged;
/** Migrates from Amazon's service. */
let amazon: Packaged;
/** Migrates from another instance of the service, with every parameter set. */
let other: Packaged;
/** Migrates from Amazon's service, with every parameter set, the most pools and the longest names. */
let largest: Packaged;
beforeAll(async () => {
  copy = await makeDeployableCopy();
  without = await packageServiceOnce();
  const archive = await copy.withArchive(join(without.directory, 'migrate.zip'));
  const given = (parameters: Record<string, string>) =>
    Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  const shared = { service: 'on', poller: 'on', originStreamArn: STREAM, alarmTopic: TOPIC };
  amazon = await copy.package([...archive, ...given({ ...shared, originPools: POOL })]);
  const address = {
    ...{ database: 'url', databaseUrl: 'postgres://host:5432/database?sslmode=verify-full' },
    ...{ vpcSubnets: 'subnet-0123abcd', vpcSecurityGroups: 'sg-0123abcd', serviceConcurrency: '50' },
    ...{ originStreamKey: STREAM_KEY, originEndpoint: 'https://origin.example.com', originRate: '50' },
    ...{ originKeysSecret: SECRET, originKeysSecretKey: KEY, tracing: 'on' },
  };
  other = await copy.package([...archive, ...given({ ...shared, ...address })]);
  largest = await copy.package([...archive, '--stage', 's'.repeat(17), ...given(largestParameters())], {
    AWS_REGION: FAR,
  });
}, 240_000);
afterAll(() => copy.remove());

/** Parameters with which the policies of the roles are longest. */
function largestParameters(): Record<string, string> {
  const arn = (service: string, name: string) => `arn:aws:${service}:${FAR}:123456789012:${name}`;
  const secret = (initial: string) => arn('secretsmanager', `secret:${initial.repeat(512)}-AbC123`);
  const key = arn('kms', 'key/mrk-0123456789abcdef0123456789abcdef');
  const url = 'postgres://host:5432/database?sslmode=verify-full';
  const pools = Array.from(
    { length: 30 },
    (_, index) => `${FAR}${POOL.slice('us-east-1'.length, -2)}${index + 10}`,
  );
  return {
    ...{ service: 'on', poller: 'on', queryApi: 'on', tracing: 'on' },
    ...{ database: 'url', databaseUrl: url, databaseSecret: secret('d'), databaseSecretKey: key },
    ...{ queryDatabaseUrl: url, queryDatabaseSecret: secret('q'), queryDatabaseSecretKey: key },
    ...{ serviceDatabaseSecret: secret('s'), serviceDatabaseSecretKey: key },
    ...{ loginProvidersSecret: secret('l'), loginProvidersSecretKey: key },
    ...{ pushProvidersSecret: secret('p'), pushProvidersSecretKey: key },
    ...{ vpcSubnets: 'subnet-0123abcd', vpcSecurityGroups: 'sg-0123abcd' },
    ...{ serviceConcurrency: '50', queryConcurrency: '10' },
    ...{ streamArn: arn('kinesis', `stream/${'s'.repeat(128)}`), streamKey: key },
    ...{ originStreamArn: arn('kinesis', `stream/${'o'.repeat(128)}`), originStreamKey: key },
    originPools: pools.slice(0, 10).join(','),
    ...{ identityPools: pools.join(','), bulkPublishPolicy: 'every 7 days' },
  };
}

const platform = /^(Deny )?(ec2|xray|logs):|^dsql:DbConnect /;
/** Returns the permissions that a role has only because of the migration. */
const added = (packaged: Packaged, role: string) => {
  const before = packaged === amazon ? grantsByRole(without)[role] : [];
  return grantsByRole(packaged)[role]?.filter((grant) => !platform.test(grant) && !before?.includes(grant));
};

it('a stack without originStreamArn contains nothing of a migration', () => {
  const text = JSON.stringify([without.resources, without.outputs]);
  expect(text).not.toMatch(/ORIGIN_|[Oo]rigin-|Origin(Stream|Role)|follow-origin|BridgeProblems/);
});

describe('the event source mapping of a migration', () => {
  it('reads the stream of the origin from its oldest record, and discards no record', () => {
    const mapping = amazon.resources.FollowDashoriginEventSourceMappingKinesisOriginStream;
    expect(mapping?.Properties).toMatchObject({
      EventSourceArn: { Ref: 'OriginStream' },
      StartingPosition: 'TRIM_HORIZON',
      ParallelizationFactor: 1,
      MaximumRetryAttempts: -1,
      MaximumRecordAgeInSeconds: -1,
      BisectBatchOnFunctionError: true,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
  });
});

describe('the permissions of a migration', () => {
  const pool = `cognito-identity:identitypool/${POOL}`;
  const sync = `cognito-sync:identitypool/${POOL}`;
  const data = `${sync}/identity/*`;
  const reading = (...more: string[]) =>
    [...more, 'DescribeStreamSummary', 'GetRecords', 'GetShardIterator', 'ListShards'].map(
      (action) => `kinesis:${action} on ${STREAM}`,
    );
  const settings = [
    `cognito-identity:DescribeIdentityPool on ${pool}`,
    `cognito-sync:GetCognitoEvents on ${sync}`,
    `cognito-sync:GetIdentityPoolConfiguration on ${sync}`,
  ];
  const describing = 'cognito-identity:DescribeIdentity on *';
  const users = `cognito-identity:LookupDeveloperIdentity on ${pool}`;

  it('are exactly the listed permissions on the pools of Amazon', () => {
    expect(Object.fromEntries(ROLES.map((role) => [role, added(amazon, role)]))).toEqual({
      ServiceApiRole: [
        ...settings,
        describing,
        users,
        `cognito-identity:GetOpenIdTokenForDeveloperIdentity on ${pool}`,
        `cognito-identity:UnlinkDeveloperIdentity on ${pool}`,
        `cognito-sync:ListDatasets on ${data}`,
        `cognito-sync:ListRecords on ${data}`,
      ].toSorted(),
      FollowOriginRole: [...settings, describing, users, ...reading('DescribeStream')].toSorted(),
      CheckOriginRole: [...settings, ...reading()].toSorted(),
      BridgeOriginRole: [
        describing,
        ...['DeleteDataset', 'DescribeDataset', 'ListRecords', 'UpdateRecords'].map(
          (action) => `cognito-sync:${action} on ${data}`,
        ),
        'sns:Publish on sns:endpoint/*',
      ].toSorted(),
    });
  });

  it('are only those on the stream and the keys if the origin is another service', () => {
    const via = (service: string) =>
      ` if {"StringEquals":{"kms:ViaService":"${service}.us-east-1.amazonaws.com"}}`;
    const keys = [
      `kms:Decrypt on ${KEY}${via('secretsmanager')}`,
      `secretsmanager:GetSecretValue on ${SECRET}`,
    ];
    const decrypting = `kms:Decrypt on ${STREAM_KEY}${via('kinesis')}`;
    expect(added(other, 'FollowOriginRole')).toEqual(
      [...keys, decrypting, ...reading('DescribeStream')].toSorted(),
    );
    expect(added(other, 'CheckOriginRole')).toEqual([...keys, decrypting, ...reading()].toSorted());
    expect(added(other, 'BridgeOriginRole')).toEqual([...keys, 'sns:Publish on sns:endpoint/*'].toSorted());
    expect(added(other, 'ServiceApiRole')).toEqual(expect.arrayContaining(keys));
    expect(JSON.stringify(grantsByRole(other))).not.toMatch(/cognito-identity:/);
  });

  it('are in policies that IAM accepts, even with the most pools and the longest names', () => {
    const sizes = policySizes(largest.resources);
    expect(sizes.ServiceApiRole?.inline).toBeGreaterThan(5_000);
    expect(sizes.ServiceApiRole?.largestManaged).toBeGreaterThan(2_000);
    expect(sizes.PollBulkPublishRole?.largestManaged).toBeGreaterThan(3_000);
    const tooLarge = Object.entries(sizes).filter(
      ([, { inline, largestManaged }]) => inline > 10_240 || largestManaged > 6_144,
    );
    expect(tooLarge).toEqual([]);
  });

  it('include the database, the log and the VPC, as for the other functions of the service', () => {
    for (const role of ROLES.slice(1)) {
      const shared = (packaged: Packaged, name: string) =>
        grantsByRole(packaged)[name]?.filter((grant) => platform.test(grant) && !grant.startsWith('logs:'));
      expect(shared(amazon, role)).toEqual(shared(amazon, 'SweepGuestsRole'));
      expect(shared(other, role)).toEqual(shared(other, 'SweepGuestsRole'));
      expect(JSON.stringify(environmentOf(amazon, 'migrate').DSQL_SERVICE_WRITERS)).toContain(role);
    }
  });
});

describe('the functions of a migration', () => {
  it('receive the address of the origin and the database of the service', () => {
    for (const name of ['follow-origin', 'check-origin', 'bridge-origin', 'service-api']) {
      expect(environmentOf(amazon, name)).toMatchObject({
        ORIGIN_STREAM: 'cognito-old',
        ORIGIN_ENDPOINT_URL: '',
        ORIGIN_KEYS_SECRET: '',
        DSQL_USER: 'service_writer',
      });
      expect(environmentOf(other, name)).toMatchObject({
        ORIGIN_STREAM: 'cognito-old',
        ORIGIN_ENDPOINT_URL: 'https://origin.example.com',
        ORIGIN_KEYS_SECRET: SECRET,
        ORIGIN_RATE: '50',
        DATABASE_URL: expect.stringContaining('postgres://'),
      });
      expect(functionOf(other, name).VpcConfig).toEqual(functionOf(other, 'sweep-guests').VpcConfig);
    }
  });

  it('have the same time and memory limits as in the local cloud', () => {
    const deployed = Object.values(amazon.resources)
      .filter(({ Type }) => Type === 'AWS::Lambda::Function')
      .map(({ Properties: { FunctionName, Timeout, MemorySize } }) => [
        String(FunctionName).replace('cognito-sync-backend-dev-', ''),
        { timeout: Timeout, memorySize: MemorySize },
      ]);
    expect(Object.fromEntries(deployed)).toEqual(limits);
  });

  it.each(['follow-origin', 'check-origin', 'bridge-origin'])(
    'run from their bundle if there is nothing to do, and reject invalid ORIGIN_KEYS: %s',
    async (name) => {
      const bundle = await bundleFunction(name);
      const url = await createEmptyPostgresDatabase();
      expect(await runBundle(await bundleFunction('migrate'), { DATABASE_URL: url })).toHaveProperty(
        'result',
      );
      const env = {
        DATABASE_URL: url,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'secret',
        ORIGIN_STREAM: 'cognito-old',
      };
      expect(await runBundle(bundle, env, { Records: [] })).toEqual({ result: expect.any(Object) });
      const invalid = { ...env, ORIGIN_KEYS: '{"developers":"x"}' };
      expect(await runBundle(bundle, invalid, { Records: [] })).toEqual({
        error: expect.stringContaining('invalid ORIGIN_KEYS'),
      });
    },
    60_000,
  );
});

it('the alarms of a migration use only existing metrics', () => {
  const alarms = Object.entries(amazon.resources)
    .filter(([id, { Type }]) => Type === 'AWS::CloudWatch::Alarm' && !(id in without.resources))
    .map(([, { Properties }]) => Properties);
  expect(
    alarms.map(({ AlarmName }) => String(AlarmName).replace('cognito-sync-backend-dev-', '')).toSorted(),
  ).toEqual([
    'bridge-problems',
    'follow-origin-errors',
    'follow-origin-iterator-age',
    'follow-origin-lag',
    'follow-origin-throttles',
    'origin-events-missing',
    'origin-jobs-errors',
    'origin-jobs-silent',
    'origin-not-followed',
  ]);
  for (const alarm of alarms) expect(alarm).toMatchObject({ AlarmActions: [TOPIC], OKActions: [TOPIC] });
  const lines: string[] = [];
  vi.stubEnv('POWERTOOLS_METRICS_NAMESPACE', 'cognito-sync-backend-dev');
  vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
  createCheckReporter('check-origin')({ pools: 1, notFollowed: 1, withGap: 1, lagMs: 1 });
  createBridgeReporter('bridge-origin')(1);
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  const own = metricsOfLines(lines).map((metric) => JSON.stringify(metric));
  const used = alarms.flatMap(metricsOfAlarm);
  const unknown = used.filter((metric) =>
    metric.namespace === 'AWS/Lambda'
      ? !/^(Follow|Check|Bridge)DashoriginLambdaFunction$/.test(
          JSON.parse(JSON.stringify(metric.dimensions[0]?.[1])).Ref,
        )
      : !own.includes(JSON.stringify(metric)),
  );
  expect(used.length).toBeGreaterThan(8);
  expect(unknown).toEqual([]);
});

it.skipIf(noCfnLint)('cfn-lint finds nothing in the templates of a migration', { timeout: 120_000 }, () => {
  const templates = [amazon, other].map(({ templateFile }) => templateFile);
  const { stdout, stderr, status } = spawnSync('cfn-lint', templates, { encoding: 'utf8' });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});
