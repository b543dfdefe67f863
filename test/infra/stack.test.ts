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
  packageServiceOnce,
} from '../fixtures/stack/deployable-copy.ts';
import { grantsByRole, nameOf, statementsOf } from '../fixtures/stack/stack-grants.ts';
import { metricsOfAlarm, metricsOfDashboard, metricsOfLines } from '../fixtures/stack/stack-metrics.ts';
import { environmentOf, functionId, functionOf, ofType } from '../fixtures/stack/stack-parts.ts';
import { POOL } from '../fixtures/sync/stream-events.ts';

const SECRET = 'query-store';
const LOCATION = 'postgres://host:5432/database?sslmode=verify-full';
const KEY = 'arn:aws:kms:us-east-1:123456789012:key/0123';
const TOPIC = 'arn:aws:sns:us-east-1:123456789012:alarms';
const FUNCTIONS = ['project-stream', 'sync-trigger', 'sweep-query-store', 'migrate', 'poll-bulk-publish'];
/** The functions that receive the address of a database. */
const WITH_DATABASE = ['project-stream', 'poll-bulk-publish', 'sweep-query-store', 'migrate'] as const;
const noCfnLint = spawnSync('cfn-lint', ['--version']).status !== 0;
if (noCfnLint) console.log('cfn-lint is not on the PATH: the test of the templates with it is skipped');

let copy: DeployableCopy;
/** The stack with default parameters. It has its own Aurora DSQL cluster. */
let minimal: Packaged;
/** The stack with a user's database and with every parameter set. */
let full: Packaged;
beforeAll(async () => {
  copy = await makeDeployableCopy();
  minimal = await packageOnce();
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
  const withArchive = await copy.withArchive(join((await packageServiceOnce()).directory, 'migrate.zip'));
  full = await copy.package(['--stage', 'prod', ...withArchive, ...args]);
}, 180_000);
afterAll(() => copy.remove());

describe('the permissions of the stack', () => {
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

  it('are exactly the listed permissions with its own cluster and default parameters', () => {
    expect(grantsByRole(minimal)).toEqual({
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

  it("are exactly the listed permissions with a user's database and every parameter set", () => {
    expect(grantsByRole(full)).toEqual({
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

  it('never cover a whole service, and cover all resources only if required: for X-Ray and VPC interfaces', () => {
    const all = [minimal, full].flatMap((packaged) => Object.values(grantsByRole(packaged)).flat());
    expect(all.filter((grant) => /^\S*\*\S* on /.test(grant))).toEqual([]);
    expect([...new Set(all.filter((grant) => / on \*/.test(grant)))].toSorted()).toEqual(
      [...VPC, ...TRACE].toSorted(),
    );
    for (const role of ofType(minimal, 'AWS::IAM::Role'))
      expect(role).not.toHaveProperty('ManagedPolicyArns');
  });

  it('belong to one role per function, which only Lambda can assume', () => {
    const roles = ofType(minimal, 'AWS::Lambda::Function').map(({ Role }) => nameOf(Role));
    expect(roles.toSorted()).toEqual(
      ['Migrate', 'PollBulkPublish', 'ProjectStream', 'SweepQueryStore', 'SyncTrigger'].map(
        (name) => `\${${name}Role.Arn}`,
      ),
    );
    for (const [name, { Type, Properties }] of Object.entries(minimal.resources)) {
      if (Type !== 'AWS::IAM::Role' || name === 'PublishRole') continue;
      expect(statementsOf(Properties.AssumeRolePolicyDocument)).toEqual([
        { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
      ]);
    }
  });

  it('let Cognito Sync write to the stream through an exported role, by default only for this account', () => {
    const { AssumeRolePolicyDocument } = minimal.resources.PublishRole?.Properties ?? {};
    expect(statementsOf(AssumeRolePolicyDocument)).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'cognito-sync.amazonaws.com' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
      },
    ]);
    const anyAccount = full.resources.PublishRole?.Properties.AssumeRolePolicyDocument;
    expect(statementsOf(anyAccount)).toEqual([
      {
        Effect: 'Allow',
        Principal: { Service: 'cognito-sync.amazonaws.com' },
        Action: 'sts:AssumeRole',
      },
    ]);
    expect(minimal.outputs).toMatchObject({
      PublishRoleArn: { Value: { 'Fn::GetAtt': ['PublishRole', 'Arn'] } },
      CognitoStreamName: { Value: { Ref: 'CognitoStream' } },
      SyncTriggerArn: { Value: { 'Fn::GetAtt': ['SyncDashtriggerLambdaFunction', 'Arn'] } },
      FailuresBucketName: { Value: { Ref: 'FailuresBucket' } },
      DsqlEndpoint: { Value: { 'Fn::GetAtt': ['QueryStoreCluster', 'Endpoint'] } },
    });
  });

  it('let each schedule invoke only its function', () => {
    const permissions = ofType(minimal, 'AWS::Lambda::Permission').filter(
      ({ Principal }) => Principal === 'events.amazonaws.com',
    );
    expect(
      permissions.map(({ FunctionName, SourceArn }) => [nameOf(FunctionName), nameOf(SourceArn)]),
    ).toEqual([
      ['SweepDashqueryDashstoreLambdaFunction.Arn', 'SweepDashqueryDashstoreEventsRuleSchedule1.Arn'],
      ['PollDashbulkDashpublishLambdaFunction.Arn', 'PollDashbulkDashpublishEventsRuleSchedule1.Arn'],
    ]);
  });
});

it('the stack blocks public access to all its buckets', () => {
  for (const packaged of [minimal, full]) {
    const buckets = Object.entries(packaged.resources).filter(([, { Type }]) => Type === 'AWS::S3::Bucket');
    expect(buckets.map(([name]) => name).toSorted()).toEqual([
      'FailuresBucket',
      'ServerlessDeploymentBucket',
    ]);
    for (const [, { Properties }] of buckets) {
      expect(Properties).toMatchObject({
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      });
    }
  }
});

describe('the functions', () => {
  it('run on the tested version of Node and keep logs for 30 days', () => {
    for (const packaged of [minimal, full]) {
      expect(ofType(packaged, 'AWS::Lambda::Function').map(({ Handler }) => Handler)).toEqual(
        FUNCTIONS.map((name) => `functions/${name}.handler`),
      );
      for (const properties of ofType(packaged, 'AWS::Lambda::Function')) {
        expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      }
      const logs = ofType(packaged, 'AWS::Logs::LogGroup');
      expect(logs).toHaveLength(FUNCTIONS.length);
      for (const properties of logs) expect(properties).toMatchObject({ RetentionInDays: 30 });
    }
  });

  it('poll every minute and sweep every hour, without retries', () => {
    expect(
      ofType(minimal, 'AWS::Events::Rule').map(({ ScheduleExpression, State }) => [
        ScheduleExpression,
        State,
      ]),
    ).toEqual([
      ['rate(1 hour)', 'ENABLED'],
      ['rate(1 minute)', 'ENABLED'],
    ]);
    expect(functionOf(minimal, 'poll-bulk-publish').Timeout).toBe(120);
    const invokeConfigs = ofType(minimal, 'AWS::Lambda::EventInvokeConfig');
    expect(invokeConfigs.map(({ MaximumRetryAttempts }) => MaximumRetryAttempts)).toEqual([0, 0]);
  });

  it('receive the address of either the stack’s own cluster or the user’s database', () => {
    for (const name of WITH_DATABASE) {
      expect(environmentOf(minimal, name)).toMatchObject({
        DATABASE_URL: '',
        DATABASE_SECRET: '',
        NODE_EXTRA_CA_CERTS: '',
        DSQL_ENDPOINT: { 'Fn::GetAtt': ['QueryStoreCluster', 'Endpoint'] },
      });
      expect(environmentOf(full, name)).toMatchObject({
        DATABASE_URL: LOCATION,
        DATABASE_SECRET: SECRET,
        NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
        DSQL_ENDPOINT: '',
      });
    }
    for (const name of ['project-stream', 'poll-bulk-publish', 'sweep-query-store'] as const) {
      expect(environmentOf(minimal, name).DSQL_USER).toBe('query_writer');
    }
    expect(environmentOf(minimal, 'migrate')).not.toHaveProperty('DSQL_USER');
    expect(environmentOf(minimal, 'migrate').DSQL_WRITERS).toEqual({
      'Fn::Join': [
        ' ',
        ['ProjectStreamRole', 'PollBulkPublishRole', 'SweepQueryStoreRole'].map((role) => ({
          'Fn::GetAtt': [role, 'Arn'],
        })),
      ],
    });
    expect(environmentOf(full, 'migrate').DSQL_WRITERS).toBe('');
    expect(minimal.resources.QueryStoreCluster).toMatchObject({
      Type: 'AWS::DSQL::Cluster',
      DeletionPolicy: 'Retain',
      Properties: { DeletionProtectionEnabled: true },
    });
    expect(ofType(full, 'AWS::DSQL::Cluster')).toEqual([]);
  });

  it('receive the parameters of the deployment', () => {
    expect(environmentOf(full, 'poll-bulk-publish')).toMatchObject({
      IDENTITY_POOL_IDS: POOL,
      BULK_PUBLISH_POLICY: 'every 7 days',
      STREAM_NAME: { Ref: 'CognitoStream' },
      PARALLELIZATION_FACTOR: '1',
      FAILURE_DESTINATION: { 'Fn::Sub': `s3://\${FailuresBucket}/aws/lambda/` },
    });
    expect(environmentOf(full, 'project-stream')).toMatchObject({
      PAYLOAD_REGIONS: 'us-east-1,us-west-2',
      PARALLELIZATION_FACTOR: '1',
    });
    expect(functionOf(full, 'project-stream').ReservedConcurrentExecutions).toBe(20);
    for (const properties of ofType(full, 'AWS::Lambda::Function')) {
      expect(properties).toMatchObject({ TracingConfig: { Mode: 'Active' } });
    }
    for (const properties of ofType(minimal, 'AWS::Lambda::Function')) {
      expect(properties).toMatchObject({ TracingConfig: { Mode: 'PassThrough' } });
      expect(properties).not.toHaveProperty('ReservedConcurrentExecutions');
    }
  });

  it('are in the VPC if they use a database, and depend on the policy that allows network interfaces', () => {
    for (const name of WITH_DATABASE) {
      expect(functionOf(full, name).VpcConfig).toEqual({
        SubnetIds: ['subnet-0123abcd', 'subnet-4567abcd'],
        SecurityGroupIds: ['sg-0123abcd'],
      });
    }
    expect(functionOf(full, 'sync-trigger')).not.toHaveProperty('VpcConfig');
    for (const { Type, Properties, DependsOn } of Object.values(full.resources)) {
      if (Type !== 'AWS::Lambda::Function' || !('VpcConfig' in Properties)) continue;
      const role = nameOf(Properties.Role).replace(/^\$\{(\w+)\.Arn\}$/, '$1');
      const allowing = Object.entries(full.resources).filter(
        ([, { Type, Properties }]) =>
          Type === 'AWS::IAM::Policy' &&
          JSON.stringify(Properties.Roles).includes(`"${role}"`) &&
          JSON.stringify(Properties.PolicyDocument).includes('ec2:CreateNetworkInterface'),
      );
      expect(allowing).toHaveLength(1);
      expect(DependsOn).toEqual(expect.arrayContaining(allowing.map(([name]) => name)));
    }
    for (const properties of ofType(minimal, 'AWS::Lambda::Function')) {
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
    const bundle = join(minimal.directory, 'unpacked/functions', `${name}.mjs`);
    expect((await stat(bundle)).size).toBeLessThan(bytes);
  });
});

describe('the alarms and the dashboard', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  /** Metrics that Lambda publishes for a function. Source: AWS Lambda Developer Guide, types of metrics. */
  const OF_FUNCTIONS = ['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'];
  const OF_STREAM_FUNCTIONS = [...OF_FUNCTIONS, 'IteratorAge'];
  /** Metrics that Lambda publishes for a mapping whose MetricsConfig lists EventCount. Source: the same page. */
  const OF_MAPPINGS = ['OnFailureDestinationDeliveredEventCount', 'DroppedEventCount'];
  const OF_STREAMS = ['IncomingRecords', 'IncomingBytes', 'WriteProvisionedThroughputExceeded'];
  const MAPPING = 'ProjectDashstreamEventSourceMappingKinesisCognitoStream';

  /** Returns the metrics that the functions themselves publish, read from the output of their reporters. */
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
    const functions = FUNCTIONS.flatMap((name) => {
      const names = name === 'project-stream' ? OF_STREAM_FUNCTIONS : OF_FUNCTIONS;
      const stage = packaged === minimal ? 'dev' : 'prod';
      return [
        ...aws('AWS/Lambda', names, 'FunctionName', { Ref: functionId(name) }),
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

  it('use only existing metrics of existing functions', () => {
    for (const packaged of [minimal, full]) {
      const existing = new Set(known(packaged));
      const [dashboard] = ofType(packaged, 'AWS::CloudWatch::Dashboard');
      const body = JSON.parse(JSON.stringify(dashboard?.DashboardBody))['Fn::Sub'];
      const used = [...alarmsOf(packaged).flatMap(metricsOfAlarm), ...metricsOfDashboard(body)];
      expect(used.length).toBeGreaterThan(40);
      expect(used.map((metric) => JSON.stringify(metric)).filter((metric) => !existing.has(metric))).toEqual(
        [],
      );
    }
    expect(minimal.resources[MAPPING]?.Properties).toMatchObject({
      MetricsConfig: { Metrics: ['EventCount'] },
    });
  });

  it('notify about every condition that needs attention', () => {
    const stage = 'cognito-sync-backend-prod-';
    expect(
      alarmsOf(full)
        .map(({ AlarmName }) => String(AlarmName).replace(stage, ''))
        .toSorted(),
    ).toEqual(
      [
        // `migrate` needs no alarm, because `npm run deploy` runs it and fails if `migrate` fails.
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
    for (const alarm of alarmsOf(full)) {
      expect(alarm).toMatchObject({
        AlarmActions: [TOPIC],
        OKActions: [TOPIC],
        ...(String(alarm.AlarmName).endsWith('-silent')
          ? { TreatMissingData: 'breaching', ComparisonOperator: 'LessThanThreshold' }
          : { TreatMissingData: 'notBreaching', ComparisonOperator: 'GreaterThanThreshold' }),
      });
    }
    for (const alarm of alarmsOf(minimal)) expect(alarm).toMatchObject({ AlarmActions: [], OKActions: [] });
  });
});

it.skipIf(noCfnLint)('cfn-lint finds nothing in the templates', { timeout: 120_000 }, () => {
  const templates = [minimal, full].map(({ templateFile }) => templateFile);
  const { stdout, stderr, status } = spawnSync('cfn-lint', templates, { encoding: 'utf8' });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});

it('packaging names invalid parameters and fails before it builds anything', async () => {
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
