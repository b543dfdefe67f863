import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPublishReporter, createReporter } from '../../lib/aws/telemetry.ts';
import {
  type DeployableCopy,
  makeDeployableCopy,
  type Packaged,
  packageOnce,
} from '../fixtures/stack/deployable-copy.ts';
import { grantsOf, nameOf, statementsByRole, statementsOf } from '../fixtures/stack/stack-grants.ts';
import { metricsOfAlarm, metricsOfDashboard, metricsOfLines } from '../fixtures/stack/stack-metrics.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';

const SECRET = 'query-store';
const LOCATION = 'postgres://host:5432/database?sslmode=verify-full';
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/0123';
const TOPIC = 'arn:aws:sns:us-east-1:123456789012:alarms';
const FUNCTIONS = {
  'project-stream': 'ProjectDashstream',
  'sync-trigger': 'SyncDashtrigger',
  'poll-bulk-publish': 'PollDashbulkDashpublish',
  'sweep-query-store': 'SweepDashqueryDashstore',
  migrate: 'Migrate',
};
/** Those that are told one. */
const WITH_DATABASE = ['project-stream', 'poll-bulk-publish', 'sweep-query-store', 'migrate'] as const;
const noCfnLint = spawnSync('cfn-lint', ['--version']).status !== 0;
if (noCfnLint) console.log('cfn-lint is not on the PATH: the test of the templates with it is skipped');

let copy: DeployableCopy;
/** With a cluster of its own, and nothing said. */
let least: Packaged;
/** With a database of the user's, and everything said. */
let most: Packaged;
beforeAll(async () => {
  copy = await makeDeployableCopy();
  least = await packageOnce();
  const parameters = {
    database: 'url',
    databaseUrl: LOCATION,
    databaseSecret: SECRET,
    databaseSecretKey: KEY,
    vpcSubnets: 'subnet-0123abcd,subnet-4567abcd',
    vpcSecurityGroups: 'sg-0123abcd',
    identityPools: POOL,
    bulkPublishPolicy: 'every 7 days',
    publishTrust: 'any',
    payloadRegions: 'us-east-1,us-west-2',
    reservedConcurrency: '20',
    alarmTopic: TOPIC,
    tracing: 'on',
  };
  const args = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  most = await copy.package(['--stage', 'prod', ...args]);
}, 180_000);
afterAll(() => copy.remove());

const ofType = ({ resources }: Packaged, type: string) =>
  Object.values(resources)
    .filter(({ Type }) => Type === type)
    .map(({ Properties }) => Properties);

const functionOf = ({ resources }: Packaged, name: keyof typeof FUNCTIONS) =>
  resources[`${FUNCTIONS[name]}LambdaFunction`]?.Properties ?? {};

const environmentOf = (packaged: Packaged, name: keyof typeof FUNCTIONS) =>
  JSON.parse(JSON.stringify(functionOf(packaged, name).Environment)).Variables;

describe('what the stack allows', () => {
  const OWN_ACCOUNT = ' if {"StringEquals":{"s3:ResourceAccount":{"Ref":"AWS::AccountId"}}}';
  const log = (stage: string, name: string) => [
    `logs:CreateLogStream on logs:log-group:/aws/lambda/cognito-sync-backend-${stage}-${name}:*`,
    `logs:PutLogEvents on logs:log-group:/aws/lambda/cognito-sync-backend-${stage}-${name}:*`,
  ];
  const PROJECT = [
    'kinesis:DescribeStream on CognitoStream.Arn',
    'kinesis:DescribeStreamSummary on CognitoStream.Arn',
    'kinesis:GetRecords on CognitoStream.Arn',
    'kinesis:GetShardIterator on CognitoStream.Arn',
    'kinesis:ListShards on CognitoStream.Arn',
    `s3:ListBucket on FailuresBucket.Arn${OWN_ACCOUNT}`,
    `s3:PutObject on \${FailuresBucket.Arn}/*${OWN_ACCOUNT}`,
  ];
  const POLL = [
    'kinesis:DescribeStreamSummary on CognitoStream.Arn',
    'kinesis:GetRecords on CognitoStream.Arn',
    'kinesis:GetShardIterator on CognitoStream.Arn',
    'kinesis:ListShards on CognitoStream.Arn',
    `s3:GetObject on \${FailuresBucket.Arn}/*${OWN_ACCOUNT}`,
    `s3:ListBucket on FailuresBucket.Arn${OWN_ACCOUNT}`,
  ];
  const CONNECT = 'dsql:DbConnect on QueryStoreCluster.ResourceArn';
  const ADMINISTER = 'dsql:DbConnectAdmin on QueryStoreCluster.ResourceArn';
  const SECRETS = [
    `kms:Decrypt on ${KEY} if {"StringEquals":{"kms:ViaService":"secretsmanager.us-east-1.amazonaws.com"}}`,
    `secretsmanager:GetSecretValue on secretsmanager:secret:${SECRET}-??????`,
  ];
  const ATTACH = [
    'ec2:AssignPrivateIpAddresses',
    'ec2:CreateNetworkInterface',
    'ec2:DeleteNetworkInterface',
    'ec2:DescribeNetworkInterfaces',
    'ec2:DescribeSubnets',
    'ec2:UnassignPrivateIpAddresses',
  ];
  const functionArn = (name: string) => ({
    'Fn::Sub': `arn:\${AWS::Partition}:lambda:\${AWS::Region}:\${AWS::AccountId}:function:cognito-sync-backend-prod-${name}`,
  });
  const byCode = JSON.stringify({
    ArnEquals: { 'lambda:SourceFunctionArn': WITH_DATABASE.map(functionArn) },
  });
  const VPC = [
    ...[...ATTACH, 'ec2:DetachNetworkInterface'].map((action) => `Deny ${action} on * if ${byCode}`),
    ...ATTACH.map((action) => `${action} on *`),
  ];
  const TRACE = ['xray:PutTelemetryRecords on *', 'xray:PutTraceSegments on *'];
  const grants = ({ resources }: Packaged) =>
    Object.fromEntries(
      Object.entries(statementsByRole(resources)).map(([role, statements]) => [role, grantsOf(statements)]),
    );

  it('is this, with a cluster of its own and nothing said', () => {
    expect(grants(least)).toEqual({
      ProjectStreamRole: [CONNECT, ...log('dev', 'project-stream'), ...PROJECT].toSorted(),
      SyncTriggerRole: log('dev', 'sync-trigger'),
      PollBulkPublishRole: [
        'cognito-sync:GetBulkPublishDetails on cognito-sync:identitypool/*',
        'cognito-sync:GetIdentityPoolConfiguration on cognito-sync:identitypool/*',
        'cognito-sync:ListIdentityPoolUsage on cognito-sync:identitypool/*',
        CONNECT,
        ...log('dev', 'poll-bulk-publish'),
        ...POLL,
      ].toSorted(),
      SweepQueryStoreRole: [CONNECT, ...log('dev', 'sweep-query-store')],
      MigrateRole: [ADMINISTER, ...log('dev', 'migrate')],
      PublishRole: ['kinesis:PutRecord on CognitoStream.Arn'],
    });
  });

  it('is this, with a database of the user and everything said', () => {
    expect(grants(most)).toEqual({
      ProjectStreamRole: [
        ...TRACE,
        ...SECRETS,
        ...VPC,
        ...log('prod', 'project-stream'),
        ...PROJECT,
      ].toSorted(),
      SyncTriggerRole: [...log('prod', 'sync-trigger'), ...TRACE],
      PollBulkPublishRole: [
        `cognito-sync:BulkPublish on cognito-sync:identitypool/${POOL}`,
        `cognito-sync:GetBulkPublishDetails on cognito-sync:identitypool/${POOL}`,
        `cognito-sync:GetIdentityPoolConfiguration on cognito-sync:identitypool/${POOL}`,
        ...log('prod', 'poll-bulk-publish'),
        ...POLL,
        ...TRACE,
        ...SECRETS,
        ...VPC,
      ].toSorted(),
      SweepQueryStoreRole: [...log('prod', 'sweep-query-store'), ...TRACE, ...SECRETS, ...VPC].toSorted(),
      MigrateRole: [...log('prod', 'migrate'), ...TRACE, ...SECRETS, ...VPC].toSorted(),
      PublishRole: ['kinesis:PutRecord on CognitoStream.Arn'],
    });
  });

  it('is no whole service, and everything for X-Ray and interfaces of a VPC alone, which know no resources', () => {
    const all = [least, most].flatMap((packaged) => Object.values(grants(packaged)).flat());
    expect(all.filter((grant) => /^\S*\*\S* on /.test(grant))).toEqual([]);
    expect([...new Set(all.filter((grant) => / on \*/.test(grant)))].toSorted()).toEqual(
      [...VPC, ...TRACE].toSorted(),
    );
    expect([least, most].flatMap((packaged) => ofType(packaged, 'AWS::IAM::ManagedPolicy'))).toEqual([]);
    for (const role of ofType(least, 'AWS::IAM::Role')) expect(role).not.toHaveProperty('ManagedPolicyArns');
  });

  it('is for one function each, and for nobody else to take', () => {
    const roles = ofType(least, 'AWS::Lambda::Function').map(({ Role }) => nameOf(Role));
    expect(roles.toSorted()).toEqual(
      ['Migrate', 'PollBulkPublish', 'ProjectStream', 'SweepQueryStore', 'SyncTrigger'].map(
        (name) => `\${${name}Role.Arn}`,
      ),
    );
    for (const [name, { Type, Properties }] of Object.entries(least.resources)) {
      if (Type !== 'AWS::IAM::Role' || name === 'PublishRole') continue;
      expect(statementsOf(Properties.AssumeRolePolicyDocument)).toEqual([
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ]);
    }
  });

  it('lets Cognito Sync write to the stream, for this account unless told otherwise, by a role that is an output', () => {
    const { AssumeRolePolicyDocument } = least.resources.PublishRole?.Properties ?? {};
    expect(statementsOf(AssumeRolePolicyDocument)).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'cognito-sync.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
    ]);
    const anybody = most.resources.PublishRole?.Properties.AssumeRolePolicyDocument;
    expect(statementsOf(anybody)).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'cognito-sync.amazonaws.com' },
        Action: 'sts:AssumeRole',
      },
    ]);
    expect(least.outputs).toMatchObject({
      PublishRoleArn: { Value: { 'Fn::GetAtt': ['PublishRole', 'Arn'] } },
      CognitoStreamName: { Value: { Ref: 'CognitoStream' } },
      SyncTriggerArn: { Value: { 'Fn::GetAtt': ['SyncDashtriggerLambdaFunction', 'Arn'] } },
      FailuresBucketName: { Value: { Ref: 'FailuresBucket' } },
      DsqlEndpoint: { Value: { 'Fn::GetAtt': ['QueryStoreCluster', 'Endpoint'] } },
    });
  });

  it('lets each schedule call its function alone', () => {
    const permissions = ofType(least, 'AWS::Lambda::Permission').filter(
      ({ Principal }) => Principal === 'events.amazonaws.com',
    );
    expect(
      permissions.map(({ FunctionName, SourceArn }) => [nameOf(FunctionName), nameOf(SourceArn)]),
    ).toEqual([
      ['PollDashbulkDashpublishLambdaFunction.Arn', 'PollDashbulkDashpublishEventsRuleSchedule1.Arn'],
      ['SweepDashqueryDashstoreLambdaFunction.Arn', 'SweepDashqueryDashstoreEventsRuleSchedule1.Arn'],
    ]);
  });
});

describe('the functions', () => {
  it('are these, on the Node that they are tested with, and log for 30 days', () => {
    for (const packaged of [least, most]) {
      expect(ofType(packaged, 'AWS::Lambda::Function').map(({ Handler }) => Handler)).toEqual(
        Object.keys(FUNCTIONS).map((name) => `functions/${name}.handler`),
      );
      for (const properties of ofType(packaged, 'AWS::Lambda::Function')) {
        expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      }
      const logs = ofType(packaged, 'AWS::Logs::LogGroup');
      expect(logs).toHaveLength(Object.keys(FUNCTIONS).length);
      for (const properties of logs) expect(properties).toMatchObject({ RetentionInDays: 30 });
    }
  });

  it('poll every minute and sweep every hour, and are not called again for one that failed', () => {
    expect(
      ofType(least, 'AWS::Events::Rule').map(({ ScheduleExpression, State }) => [ScheduleExpression, State]),
    ).toEqual([
      ['rate(1 minute)', 'ENABLED'],
      ['rate(1 hour)', 'ENABLED'],
    ]);
    expect(functionOf(least, 'poll-bulk-publish').Timeout).toBe(120);
    const asked = ofType(least, 'AWS::Lambda::EventInvokeConfig');
    expect(asked.map(({ MaximumRetryAttempts }) => MaximumRetryAttempts)).toEqual([0, 0]);
  });

  it('are told the cluster of the stack, and no address', () => {
    for (const name of WITH_DATABASE) {
      expect(environmentOf(least, name)).toMatchObject({
        DATABASE_URL: '',
        DATABASE_SECRET: '',
        NODE_EXTRA_CA_CERTS: '',
        DSQL_ENDPOINT: { 'Fn::GetAtt': ['QueryStoreCluster', 'Endpoint'] },
      });
      expect(environmentOf(most, name)).toMatchObject({
        DATABASE_URL: LOCATION,
        DATABASE_SECRET: SECRET,
        NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
        DSQL_ENDPOINT: '',
      });
    }
    for (const name of ['project-stream', 'poll-bulk-publish', 'sweep-query-store'] as const) {
      expect(environmentOf(least, name).DSQL_USER).toBe('query_writer');
    }
    expect(environmentOf(least, 'migrate')).not.toHaveProperty('DSQL_USER');
    expect(environmentOf(least, 'migrate').DSQL_WRITERS).toEqual({
      'Fn::Join': [
        ' ',
        ['ProjectStreamRole', 'PollBulkPublishRole', 'SweepQueryStoreRole'].map((role) => ({
          'Fn::GetAtt': [role, 'Arn'],
        })),
      ],
    });
    expect(environmentOf(most, 'migrate').DSQL_WRITERS).toBe('');
    expect(least.resources.QueryStoreCluster).toMatchObject({
      Type: 'AWS::DSQL::Cluster',
      DeletionPolicy: 'Retain',
      Properties: { DeletionProtectionEnabled: true },
    });
    expect(ofType(most, 'AWS::DSQL::Cluster')).toEqual([]);
  });

  it('are told what was said', () => {
    expect(environmentOf(most, 'poll-bulk-publish')).toMatchObject({
      IDENTITY_POOL_IDS: POOL,
      BULK_PUBLISH_POLICY: 'every 7 days',
      STREAM_NAME: { Ref: 'CognitoStream' },
      PARALLELIZATION_FACTOR: '1',
      FAILURES: { 'Fn::Sub': `s3://\${FailuresBucket}/aws/lambda/` },
    });
    expect(environmentOf(most, 'project-stream')).toMatchObject({
      PAYLOAD_REGIONS: 'us-east-1,us-west-2',
      PARALLELIZATION_FACTOR: '1',
    });
    expect(functionOf(most, 'project-stream').ReservedConcurrentExecutions).toBe(20);
    for (const properties of ofType(most, 'AWS::Lambda::Function')) {
      expect(properties).toMatchObject({ TracingConfig: { Mode: 'Active' } });
    }
    for (const properties of ofType(least, 'AWS::Lambda::Function')) {
      expect(properties).toMatchObject({ TracingConfig: { Mode: 'PassThrough' } });
      expect(properties).not.toHaveProperty('ReservedConcurrentExecutions');
    }
  });

  it('are in the VPC where they have a database, once their roles may be', () => {
    for (const name of WITH_DATABASE) {
      expect(functionOf(most, name).VpcConfig).toEqual({
        SubnetIds: ['subnet-0123abcd', 'subnet-4567abcd'],
        SecurityGroupIds: ['sg-0123abcd'],
      });
    }
    expect(functionOf(most, 'sync-trigger')).not.toHaveProperty('VpcConfig');
    for (const { Type, Properties, DependsOn } of Object.values(most.resources)) {
      if (Type !== 'AWS::Lambda::Function' || !('VpcConfig' in Properties)) continue;
      const role = nameOf(Properties.Role).replace(/^\$\{(\w+)\.Arn\}$/, '$1');
      const allowing = Object.entries(most.resources).filter(
        ([, { Type, Properties }]) =>
          Type === 'AWS::IAM::Policy' &&
          JSON.stringify(Properties.Roles).includes(`"${role}"`) &&
          JSON.stringify(Properties.PolicyDocument).includes('ec2:CreateNetworkInterface'),
      );
      expect(allowing).toHaveLength(1);
      expect(DependsOn).toEqual(expect.arrayContaining(allowing.map(([name]) => name)));
    }
    for (const properties of ofType(least, 'AWS::Lambda::Function')) {
      expect(properties).not.toHaveProperty('VpcConfig');
    }
  });

  it.each([
    ['project-stream', 400_000],
    ['sync-trigger', 120_000],
    ['poll-bulk-publish', 1_000_000],
    ['sweep-query-store', 400_000],
    ['migrate', 400_000],
  ])('have a small bundle: %s', async (name, bytes) => {
    const bundle = join(least.directory, 'unpacked/functions', `${name}.mjs`);
    expect((await stat(bundle)).size).toBeLessThan(bytes);
  });
});

describe('the alarms and the dashboard', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  /** What Lambda tells of a function and its mapping. Source: AWS Lambda Developer Guide, types of metrics. */
  const OF_FUNCTIONS = ['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'];
  const OF_STREAM_FUNCTIONS = [...OF_FUNCTIONS, 'IteratorAge'];
  /** Of a mapping that asks for EventCount. */
  const OF_MAPPINGS = ['OnFailureDestinationDeliveredEventCount', 'DroppedEventCount'];
  const OF_STREAMS = ['IncomingRecords', 'IncomingBytes', 'WriteProvisionedThroughputExceeded'];
  const MAPPING = 'ProjectDashstreamEventSourceMappingKinesisCognitoStream';

  /** What the functions themselves tell, told by their own reporters. */
  function emitted(packaged: Packaged): string[] {
    const lines: string[] = [];
    vi.stubEnv(
      'POWERTOOLS_METRICS_NAMESPACE',
      environmentOf(packaged, 'project-stream').POWERTOOLS_METRICS_NAMESPACE,
    );
    vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
    const batch = { events: 1, records: 1, recordsChanged: 1, quarantined: 1, batchMs: 1, lagMs: 1 };
    createReporter('project-stream')(batch);
    createPublishReporter('poll-bulk-publish')({
      pools: 0,
      transitions: [],
      gaps: [],
      started: [],
      failures: [],
      notReached: [],
      elsewhere: [],
      stalled: 0,
      gapsOpen: 0,
    });
    vi.restoreAllMocks();
    return metricsOfLines(lines).map((metric) => JSON.stringify(metric));
  }

  function known(packaged: Packaged): string[] {
    const aws = (namespace: string, names: readonly string[], ...dimension: readonly [string, unknown]) =>
      names.map((name) => JSON.stringify({ namespace, name, dimensions: [dimension] }));
    const functions = Object.entries(FUNCTIONS).flatMap(([name, id]) => {
      const names = name === 'project-stream' ? OF_STREAM_FUNCTIONS : OF_FUNCTIONS;
      const stage = packaged === least ? 'dev' : 'prod';
      return [
        ...aws('AWS/Lambda', names, 'FunctionName', { Ref: `${id}LambdaFunction` }),
        ...aws('AWS/Lambda', names, 'FunctionName', `cognito-sync-backend-${stage}-${name}`),
      ];
    });
    return [
      ...emitted(packaged),
      ...functions,
      ...aws('AWS/Lambda', OF_MAPPINGS, 'EventSourceMappingUUID', { Ref: MAPPING }),
      ...aws('AWS/Lambda', OF_MAPPINGS, 'EventSourceMappingUUID', `\${${MAPPING}}`),
      ...aws('AWS/Kinesis', OF_STREAMS, 'StreamName', `\${CognitoStream}`),
    ];
  }

  const alarmsOf = (packaged: Packaged) => ofType(packaged, 'AWS::CloudWatch::Alarm');

  it('look at metrics that there are, of functions that there are', () => {
    for (const packaged of [least, most]) {
      const there = new Set(known(packaged));
      const [dashboard] = ofType(packaged, 'AWS::CloudWatch::Dashboard');
      const body = JSON.parse(JSON.stringify(dashboard?.DashboardBody))['Fn::Sub'];
      const looked = [...alarmsOf(packaged).flatMap(metricsOfAlarm), ...metricsOfDashboard(body)];
      expect(looked.length).toBeGreaterThan(40);
      expect(looked.map((metric) => JSON.stringify(metric)).filter((metric) => !there.has(metric))).toEqual(
        [],
      );
    }
    expect(least.resources[MAPPING]?.Properties).toMatchObject({
      MetricsConfig: { Metrics: ['EventCount'] },
    });
  });

  it('tell what somebody has to look at', () => {
    const stage = 'cognito-sync-backend-prod-';
    expect(
      alarmsOf(most)
        .map(({ AlarmName }) => String(AlarmName).replace(stage, ''))
        .toSorted(),
    ).toEqual(
      [
        // The deployment waits for `migrate`, and fails with it.
        ...['project-stream', 'sync-trigger', 'poll-bulk-publish', 'sweep-query-store'].flatMap((name) => [
          `${name}-errors`,
          `${name}-throttles`,
        ]),
        'project-stream-iterator-age',
        'poll-bulk-publish-silent',
        'events-quarantined',
        'failure-objects',
        'records-dropped',
        'bulk-publish-stalled',
        'pools-failed',
        'gaps-open',
      ].toSorted(),
    );
    for (const alarm of alarmsOf(most)) {
      expect(alarm).toMatchObject({
        AlarmActions: [TOPIC],
        OKActions: [TOPIC],
        ...(String(alarm.AlarmName).endsWith('-silent')
          ? { TreatMissingData: 'breaching', ComparisonOperator: 'LessThanThreshold' }
          : { TreatMissingData: 'notBreaching', ComparisonOperator: 'GreaterThanThreshold' }),
      });
    }
    for (const alarm of alarmsOf(least)) expect(alarm).toMatchObject({ AlarmActions: [], OKActions: [] });
  });
});

it.skipIf(noCfnLint)('cfn-lint finds nothing in the templates', { timeout: 120_000 }, () => {
  for (const { templateFile } of [least, most]) {
    const { stdout, stderr, status } = spawnSync('cfn-lint', [templateFile], { encoding: 'utf8' });
    expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
  }
});

it('parameters that do not fit stop it before anything is built, by their name', async () => {
  await expect(
    copy.package(['--param=tracing=x', '--param=alarmtopic=x', '--param=identityPools=eu-west-1:abc'], {
      DATABASE_URL: SECRET,
    }),
  ).rejects.toMatchObject({
    stdout: expect.stringMatching(
      /alarmtopic: unknown parameter.*database: dsql cannot be combined with databaseUrl.*identityPools: .*tracing: /s,
    ),
  });
}, 60_000);
