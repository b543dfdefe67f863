import { spawnSync } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createRelayReporter, createServerErrorReporter } from '../../lib/aws/telemetry.ts';
import { createEmptyPostgresDatabase } from '../fixtures/database/databases.ts';
import {
  type DeployableCopy,
  makeDeployableCopy,
  type Packaged,
  packageOnce,
  packageServiceOnce,
} from '../fixtures/stack/deployable-copy.ts';
import { runBundle } from '../fixtures/stack/run-bundle.ts';
import { grantsByRole, nameOf, statementsByRole } from '../fixtures/stack/stack-grants.ts';
import { metricsOfAlarm, metricsOfDashboard, metricsOfLines } from '../fixtures/stack/stack-metrics.ts';
import { environmentOf, functionId, functionOf, ofType, withoutCode } from '../fixtures/stack/stack-parts.ts';

/** The scheduled functions of the service, with their schedules. */
const JOBS: Readonly<Record<string, string>> = {
  'relay-outbox': '1 minute',
  'run-bulk-publish': '1 minute',
  'finish-merges': '5 minutes',
  'finish-pool-deletions': '5 minutes',
  'finish-identity-deletions': '5 minutes',
  'sweep-datasets': '10 minutes',
  'sweep-guests': '10 minutes',
  'sweep-payloads': '1 hour',
};
const FUNCTIONS = ['service-api', ...Object.keys(JOBS)];
const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/origin.stream';
const OWN_SECRET = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:service-AbC123';
const OWN_KEY = 'arn:aws:kms:us-east-1:123456789012:key/4567';
const PROVIDERS_KEY = 'arn:aws:kms:us-east-1:123456789012:key/5678';
const PUSH_KEY = 'arn:aws:kms:us-east-1:123456789012:key/7890';
const STREAM_KEY = 'arn:aws:kms:us-east-1:123456789012:key/6789';
const TOPIC = 'arn:aws:sns:us-east-1:123456789012:alarms';
const noCfnLint = spawnSync('cfn-lint', ['--version']).status !== 0;

let copy: DeployableCopy;
/** The stack without the service, and with it. Both have their own Aurora DSQL cluster and the poller. */
let without: Packaged;
let service: Packaged;
/** The service with default parameters, except that it has no function URL. */
let closed: Packaged;
/** The service with a database of its own, beside a user's database, and with every parameter set. */
let full: Packaged;
beforeAll(async () => {
  copy = await makeDeployableCopy();
  without = await packageOnce();
  service = await packageServiceOnce();
  const parameters = {
    database: 'url',
    databaseUrl: 'postgres://host:5432/database?sslmode=verify-full',
    databaseSecret: 'query-store',
    vpcSubnets: 'subnet-0123abcd',
    vpcSecurityGroups: 'sg-0123abcd',
    service: 'on',
    serviceDatabaseSecret: OWN_SECRET,
    serviceDatabaseSecretKey: OWN_KEY,
    serviceConcurrency: '50',
    syncTriggerConcurrency: '60',
    loginProvidersSecret: 'providers',
    loginProvidersSecretKey: PROVIDERS_KEY,
    pushProvidersSecret: 'push',
    pushProvidersSecretKey: PUSH_KEY,
    origins: 'https://app.example.com',
    rateLimits: 'on',
    syncLimits: '{"rowsPerDataset":32768}',
    trustedProxies: '10.0.0.0/8',
    streamArn: STREAM,
    streamKey: STREAM_KEY,
    streamRetentionHours: '24',
    batchWindow: '60',
    alarmTopic: TOPIC,
    tracing: 'on',
  };
  const args = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  const withArchive = await copy.withArchive(join(service.directory, 'migrate.zip'));
  full = await copy.package(['--stage', 'prod', ...withArchive, ...args]);
  closed = await copy.package([...withArchive, '--param=service=on', '--param=functionUrl=off']);
}, 240_000);
afterAll(() => copy.remove());

const words = (name: string) => name.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
const roleOf = (name: string) => `${words(name).join('')}Role`;

it('the service adds resources to the stack, and of the existing ones changes only migrate, project-stream and the dashboard', () => {
  expect(Object.keys(without.resources).filter((id) => !(id in service.resources))).toEqual([]);
  const changed = Object.entries(without.resources).filter(([id, resource]) => {
    return JSON.stringify(withoutCode(resource)) !== JSON.stringify(withoutCode(service.resources[id]));
  });
  expect(changed.map(([id]) => id).toSorted()).toEqual([
    'Dashboard',
    'MigrateLambdaFunction',
    'ProjectDashstreamLambdaFunction',
  ]);
  expect(ofType(without, 'AWS::Lambda::Url')).toEqual([]);
  expect(ofType(without, 'AWS::SecretsManager::Secret')).toEqual([]);
});

it('the poller of Amazon’s pools is left out of a stack with the service by default, and nothing refers to it', () => {
  const text = JSON.stringify([closed.resources, closed.outputs]);
  expect(text).not.toMatch(
    /poll-bulk-publish|PollDashbulk|PollBulkPublish|cognito-sync:|BulkPublishStalled|GapsOpen/,
  );
  const missing = Object.keys(service.resources).filter((id) => !(id in closed.resources));
  expect(missing.filter((id) => !/Poll|^ListPools$|^ServiceDashapi/.test(id)).toSorted()).toEqual([
    'BulkPublishStalled',
    'GapsOpen',
    'PoolsFailed',
  ]);
  expect(environmentOf(closed, 'migrate').DSQL_WRITERS).toEqual({
    'Fn::Join': [
      ' ',
      ['ProjectStreamRole', 'SweepQueryStoreRole'].map((role) => ({ 'Fn::GetAtt': [role, 'Arn'] })),
    ],
  });
});

describe('the function URL of the service', () => {
  it('has no authorizer and no CORS settings, because the function verifies signatures and sends the headers', () => {
    for (const packaged of [service, full]) {
      expect(ofType(packaged, 'AWS::Lambda::Url')).toEqual([
        { AuthType: 'NONE', TargetFunctionArn: { 'Fn::GetAtt': [functionId('service-api'), 'Arn'] } },
      ]);
    }
  });

  it('has both permissions that Lambda requires, and no other caller can invoke the function', () => {
    const permissions = ofType(service, 'AWS::Lambda::Permission').filter(({ FunctionName }) =>
      nameOf(FunctionName).startsWith(functionId('service-api')),
    );
    const shared = { FunctionName: { 'Fn::GetAtt': [functionId('service-api'), 'Arn'] }, Principal: '*' };
    expect(permissions).toEqual([
      { ...shared, Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' },
      { ...shared, Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true },
    ]);
  });

  it('is left out with functionUrl=off, with its permissions and metrics; the function remains', () => {
    expect(ofType(closed, 'AWS::Lambda::Url')).toEqual([]);
    const invokers = ofType(closed, 'AWS::Lambda::Permission').map(({ FunctionName }) =>
      nameOf(FunctionName),
    );
    expect(invokers.filter((name) => name.startsWith(functionId('service-api')))).toEqual([]);
    expect(closed.outputs).not.toHaveProperty('ServiceEndpoint');
    expect(closed.outputs).toMatchObject({
      ServiceFunctionArn: { Value: { 'Fn::GetAtt': [functionId('service-api'), 'Arn'] } },
      ServiceKeysSecret: { Value: { Ref: 'ServiceKeys' } },
    });
    expect(JSON.stringify(closed.resources.Dashboard)).not.toMatch(/Url\w+Count|UrlRequestLatency/);
    expect(withoutCode(functionOf(closed, 'service-api'))).toEqual(
      withoutCode(functionOf(service, 'service-api')),
    );
  });

  it('is an output, as are the name of the secret with the keys and the bucket of payloads', () => {
    expect(service.outputs).toMatchObject({
      ServiceEndpoint: { Value: { 'Fn::GetAtt': ['ServiceDashapiLambdaFunctionUrl', 'FunctionUrl'] } },
      ServiceFunctionArn: { Value: { 'Fn::GetAtt': [functionId('service-api'), 'Arn'] } },
      ServiceKeysSecret: { Value: { Ref: 'ServiceKeys' } },
      PayloadBucketName: { Value: { Ref: 'PayloadBucket' } },
    });
  });
});

describe('the permissions of the service', () => {
  const OWN_ACCOUNT = ' if {"StringEquals":{"s3:ResourceAccount":{"Ref":"AWS::AccountId"}}}';
  const PAYLOADS = ['Get', 'Put'].map(
    (verb) => `s3:${verb}Object on \${PayloadBucket.Arn}/payloads/*${OWN_ACCOUNT}`,
  );
  const CONNECT = 'dsql:DbConnect on QueryStoreCluster.ResourceArn';
  const api = (stream: string) => [
    `kinesis:DescribeStreamSummary on ${stream}`,
    `kinesis:PutRecords on ${stream}`,
    'lambda:InvokeFunction on SyncDashtriggerLambdaFunction.Arn',
    'secretsmanager:GetSecretValue on ServiceKeys',
    'sns:CreatePlatformEndpoint on sns:app/*',
    'sns:Publish on sns:endpoint/*',
    'sns:SetEndpointAttributes on sns:endpoint/*',
  ];
  const log = (stage: string, name: string) =>
    ['CreateLogStream', 'PutLogEvents'].map(
      (action) => `logs:${action} on logs:log-group:/aws/lambda/cognito-sync-backend-${stage}-${name}:*`,
    );
  it('are exactly the listed permissions on the cluster of the stack', () => {
    const given = grantsByRole(service);
    for (const name of FUNCTIONS) {
      const own = {
        'service-api': api('CognitoStream.Arn'),
        'relay-outbox': ['kinesis:PutRecords on CognitoStream.Arn', ...PAYLOADS],
      }[name];
      expect(given[roleOf(name)]).toEqual([CONNECT, ...(own ?? []), ...log('dev', name)].toSorted());
    }
    const added = (role: string) =>
      given[role]?.filter((grant) => !grantsByRole(without)[role]?.includes(grant));
    expect(added('MigrateRole')).toEqual([
      'secretsmanager:DescribeSecret on ServiceKeys',
      'secretsmanager:PutSecretValue on ServiceKeys',
    ]);
    expect(added('ProjectStreamRole')).toEqual([
      `s3:GetObject on \${PayloadBucket.Arn}/payloads/*${OWN_ACCOUNT}`,
      `s3:ListBucket on PayloadBucket.Arn${OWN_ACCOUNT}`,
    ]);
  });

  it('are exactly the listed permissions with a database of its own and every parameter set', () => {
    const given = grantsByRole(full);
    const via = (service: string) =>
      `if {"StringEquals":{"kms:ViaService":"${service}.us-east-1.amazonaws.com"}}`;
    const [bySecretsManager, byKinesis] = [via('secretsmanager'), via('kinesis')];
    const secret = [
      `kms:Decrypt on ${OWN_KEY} ${bySecretsManager}`,
      `secretsmanager:GetSecretValue on ${OWN_SECRET}`,
    ];
    const platform = /^(Deny )?(ec2|xray):/;
    for (const name of FUNCTIONS) {
      const own = {
        'service-api': [
          ...api('CognitoStream'),
          'secretsmanager:GetSecretValue on secretsmanager:secret:providers-??????',
          `kms:Decrypt on ${PROVIDERS_KEY} ${bySecretsManager}`,
          'secretsmanager:GetSecretValue on secretsmanager:secret:push-??????',
          `kms:Decrypt on ${PUSH_KEY} ${bySecretsManager}`,
          `kms:GenerateDataKey on ${STREAM_KEY} ${byKinesis}`,
        ],
        'relay-outbox': [
          'kinesis:PutRecords on CognitoStream',
          `kms:GenerateDataKey on ${STREAM_KEY} ${byKinesis}`,
          ...PAYLOADS,
        ],
      }[name];
      expect(given[roleOf(name)]?.filter((grant) => !platform.test(grant))).toEqual(
        [...secret, ...(own ?? []), ...log('prod', name)].toSorted(),
      );
      expect(given[roleOf(name)]?.filter((grant) => platform.test(grant))).toEqual(
        given.ProjectStreamRole?.filter((grant) => platform.test(grant)),
      );
      expect(functionOf(full, name).VpcConfig).toEqual({
        SubnetIds: ['subnet-0123abcd'],
        SecurityGroupIds: ['sg-0123abcd'],
      });
      const byCode = given[roleOf(name)]?.find((grant) => grant.startsWith('Deny ec2:'));
      expect(byCode).toContain(`function:cognito-sync-backend-prod-${name}"`);
    }
    expect(given.MigrateRole).toEqual(expect.arrayContaining(secret));
    const ofStream = (role: string) => given[role]?.filter((grant) => grant.includes(STREAM_KEY));
    for (const role of ['ProjectStreamRole', 'PollBulkPublishRole']) {
      expect(ofStream(role)).toEqual([`kms:Decrypt on ${STREAM_KEY} ${byKinesis}`]);
    }
    expect(ofStream('PublishRole')).toEqual([`kms:GenerateDataKey on ${STREAM_KEY} ${byKinesis}`]);
  });

  it('never cover all resources, except for X-Ray and VPC interfaces', () => {
    for (const packaged of [service, full]) {
      const all = FUNCTIONS.flatMap((name) => grantsByRole(packaged)[roleOf(name)] ?? []);
      expect(all.filter((grant) => / on \*/.test(grant) && !/^(Deny )?(ec2|xray):/.test(grant))).toEqual([]);
      expect(all.filter((grant) => /^\S*\*\S* on /.test(grant))).toEqual([]);
    }
  });

  /** By action: a text that the code of a function contains if the code calls it. Lambda calls the other actions. */
  const CALLS: Readonly<Record<string, RegExp>> = {
    'kinesis:PutRecords': /PutRecords/,
    'kinesis:DescribeStreamSummary': /DescribeStreamSummary/,
    'lambda:InvokeFunction': /2015-03-31\/functions/,
    's3:GetObject': /X-Amz-Signature/,
    's3:PutObject': /"PUT"/,
    'secretsmanager:GetSecretValue': /GetSecretValue/,
    'secretsmanager:DescribeSecret': /DescribeSecret/,
    'secretsmanager:PutSecretValue': /PutSecretValue/,
    'sns:CreatePlatformEndpoint': /CreatePlatformEndpoint/,
    'sns:Publish': /TargetArn/,
    'sns:SetEndpointAttributes': /SetEndpointAttributes/,
    'dsql:DbConnect': /DbConnect/,
  };

  it.each([...FUNCTIONS, 'migrate'])('are all used by the code: %s', async (name) => {
    const code = await readFile(join(service.directory, 'unpacked/functions', `${name}.mjs`), 'utf8');
    const actions = (statementsByRole(service.resources)[roleOf(name)] ?? [])
      .flatMap(({ Action }) => [Action].flat())
      .filter((action) => !action.startsWith('logs:') && action !== 'dsql:DbConnectAdmin');
    expect(actions.length).toBeGreaterThan(0);
    expect(actions.filter((action) => !CALLS[action]?.test(code))).toEqual([]);
  });
});

describe('the functions of the service', () => {
  it('receive the database, the stream, the bucket and the secret with the keys', () => {
    for (const name of FUNCTIONS) {
      expect(environmentOf(service, name)).toMatchObject({
        DATABASE_URL: '',
        DATABASE_SECRET: '',
        DSQL_ENDPOINT: { 'Fn::GetAtt': ['QueryStoreCluster', 'Endpoint'] },
        DSQL_USER: 'service_writer',
        NODE_EXTRA_CA_CERTS: '',
      });
      expect(environmentOf(full, name)).toMatchObject({
        DATABASE_URL: '',
        DATABASE_SECRET: OWN_SECRET,
        DSQL_ENDPOINT: '',
        NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
      });
    }
    for (const name of ['service-api', 'relay-outbox']) {
      expect(environmentOf(service, name).STREAM_NAME).toEqual({ Ref: 'CognitoStream' });
      expect(environmentOf(full, name).STREAM_NAME).toBe('origin.stream');
    }
    expect(environmentOf(service, 'relay-outbox').PAYLOAD_BUCKET).toEqual({ Ref: 'PayloadBucket' });
    expect(environmentOf(service, 'project-stream').PAYLOAD_BUCKET).toEqual({ Ref: 'PayloadBucket' });
    expect(environmentOf(full, 'service-api')).toMatchObject({
      SERVICE_KEYS_SECRET: { Ref: 'ServiceKeys' },
      LOGIN_PROVIDERS: '',
      LOGIN_PROVIDERS_SECRET: 'providers',
      PUSH_PROVIDERS_SECRET: 'push',
      ORIGINS: 'https://app.example.com',
      RATE_LIMITS: 'on',
      SYNC_LIMITS: '{"rowsPerDataset":32768}',
      TRUSTED_PROXIES: '10.0.0.0/8',
    });
  });

  it('are allowed by migrate to connect to the cluster, unless the service has its own database', () => {
    expect(environmentOf(service, 'migrate')).toMatchObject({
      SERVICE_DATABASE_SECRET: '',
      SERVICE_KEYS_SECRET: { Ref: 'ServiceKeys' },
      DSQL_SERVICE_WRITERS: {
        'Fn::Join': [' ', FUNCTIONS.map((name) => ({ 'Fn::GetAtt': [roleOf(name), 'Arn'] }))],
      },
    });
    expect(environmentOf(full, 'migrate')).toMatchObject({
      DATABASE_SECRET: 'query-store',
      SERVICE_DATABASE_SECRET: OWN_SECRET,
      DSQL_SERVICE_WRITERS: '',
      NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem',
    });
  });

  it('have the given concurrency, and schedules without retries', () => {
    expect(functionOf(full, 'service-api').ReservedConcurrentExecutions).toBe(50);
    expect(functionOf(full, 'relay-outbox').ReservedConcurrentExecutions).toBe(2);
    expect(functionOf(full, 'sync-trigger').ReservedConcurrentExecutions).toBe(60);
    for (const name of ['service-api', 'relay-outbox', 'sync-trigger']) {
      expect(functionOf(service, name)).not.toHaveProperty('ReservedConcurrentExecutions');
    }
    for (const [name, rate] of Object.entries(JOBS)) {
      const rule = service.resources[`${functionId(name).replace(/LambdaFunction$/, '')}EventsRuleSchedule1`];
      expect(rule?.Properties).toMatchObject({ ScheduleExpression: `rate(${rate})`, State: 'ENABLED' });
      expect(
        ofType(service, 'AWS::Lambda::EventInvokeConfig').filter(({ FunctionName }) =>
          JSON.stringify(FunctionName).includes(functionId(name)),
        ),
      ).toEqual([expect.objectContaining({ MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 })]);
    }
  });

  it('use the stream in streamArn, and the stack then creates no stream', () => {
    expect(ofType(full, 'AWS::Kinesis::Stream')).toEqual([]);
    expect(ofType(full, 'AWS::Lambda::EventSourceMapping')).toEqual([
      expect.objectContaining({
        EventSourceArn: { Ref: 'CognitoStream' },
        MaximumRecordAgeInSeconds: 23 * 3600,
        MaximumBatchingWindowInSeconds: 60,
      }),
    ]);
    expect(full.outputs.CognitoStreamName?.Value).toBe('origin.stream');
    expect(environmentOf(full, 'poll-bulk-publish').STREAM_NAME).toBe('origin.stream');
  });

  let migratedUrl: string;
  beforeAll(async () => {
    migratedUrl = await createEmptyPostgresDatabase();
    const migrate = join(service.directory, 'unpacked/functions/migrate.mjs');
    expect(await runBundle(migrate, { DATABASE_URL: migratedUrl })).toHaveProperty('result');
  });

  it.each(Object.keys(JOBS))(
    'run from their bundle if there is nothing to do, and the bundle is small: %s',
    async (name) => {
      const bundle = join(service.directory, 'unpacked/functions', `${name}.mjs`);
      expect((await stat(bundle)).size).toBeLessThan(900_000);
      const environment = {
        DATABASE_URL: migratedUrl,
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
        AWS_SECRET_ACCESS_KEY: 'secret',
        STREAM_NAME: 'cognito-sync',
        PAYLOAD_BUCKET: 'payloads',
      };
      expect(await runBundle(bundle, environment)).toEqual({ result: expect.any(Object) });
      await expect(runBundle(bundle, { ...environment, DATABASE_URL: '' })).rejects.toThrow(
        'DATABASE_URL is not set; set it to postgres://user:password@host:5432/database',
      );
    },
    60_000,
  );
});

describe('the storage of the service', () => {
  it('has a secret without a value in the template, which migrate fills once', () => {
    expect(ofType(service, 'AWS::SecretsManager::Secret')).toEqual([{ Description: expect.any(String) }]);
  });

  it('keeps payloads privately, only over TLS, and longer than the links to them are valid', () => {
    expect(service.resources.PayloadBucket).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        ...service.resources.FailuresBucket?.Properties,
        LifecycleConfiguration: { Rules: [{ Id: 'expire', Status: 'Enabled', ExpirationInDays: 8 }] },
      },
    });
    const failures = JSON.stringify(service.resources.FailuresBucketPolicy);
    expect(service.resources.PayloadBucketPolicy).toEqual(
      JSON.parse(failures.replaceAll('FailuresBucket', 'PayloadBucket')),
    );
  });
});

describe('the alarms and the dashboard of the service', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
  });

  /** Metrics of a function with a URL. Source: AWS Lambda Developer Guide, "Monitoring Lambda function URLs". */
  const OF_URLS = ['UrlRequestCount', 'Url4xxCount', 'Url5xxCount', 'UrlRequestLatency'];
  const OF_FUNCTIONS = ['Invocations', 'Errors', 'Throttles', 'Duration', 'ConcurrentExecutions'];

  function known(stage: string): Set<string> {
    const lines: string[] = [];
    vi.stubEnv('POWERTOOLS_METRICS_NAMESPACE', `cognito-sync-backend-${stage}`);
    vi.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
    createRelayReporter('relay-outbox')({ oldestMs: 1, published: 1, parked: 1, unusedStreams: [] });
    createServerErrorReporter('service-api')();
    vi.restoreAllMocks();
    const names = (name: string) => (name === 'service-api' ? [...OF_FUNCTIONS, ...OF_URLS] : OF_FUNCTIONS);
    const ofAws = FUNCTIONS.flatMap((name) =>
      names(name).flatMap((metric) =>
        [{ Ref: functionId(name) }, `cognito-sync-backend-${stage}-${name}`].map((value) => ({
          namespace: 'AWS/Lambda',
          name: metric,
          dimensions: [['FunctionName', value]],
        })),
      ),
    );
    return new Set([...metricsOfLines(lines), ...ofAws].map((metric) => JSON.stringify(metric)));
  }

  const added = (packaged: Packaged) =>
    Object.entries(packaged.resources)
      .filter(([id, { Type }]) => Type === 'AWS::CloudWatch::Alarm' && !(id in without.resources))
      .map(([, { Properties }]) => Properties);

  it('use only existing metrics of existing functions', () => {
    for (const [packaged, stage] of [
      [service, 'dev'],
      [closed, 'dev'],
      [full, 'prod'],
    ] as const) {
      const existing = known(stage);
      const [dashboard] = ofType(packaged, 'AWS::CloudWatch::Dashboard');
      const body = JSON.parse(JSON.stringify(dashboard?.DashboardBody))['Fn::Sub'];
      const ofService = metricsOfDashboard(body).filter(({ dimensions }) =>
        FUNCTIONS.some((name) => String(dimensions[0]?.[1]).endsWith(name)),
      );
      const used = [...added(packaged).flatMap(metricsOfAlarm), ...ofService].map((each) =>
        JSON.stringify(each),
      );
      expect(used.length).toBeGreaterThan(40);
      expect(used.filter((metric) => !existing.has(metric))).toEqual([]);
    }
  });

  it('notify about every condition that needs attention', () => {
    expect(
      added(full)
        .map(({ AlarmName }) => AlarmName)
        .toSorted(),
    ).toEqual(
      [
        'service-api-errors',
        'service-api-5xx',
        'service-api-throttles',
        'outbox-age',
        'stream-gone',
        'events-parked',
        'relay-outbox-silent',
        'service-jobs-errors',
        'service-jobs-silent',
      ]
        .map((name) => `cognito-sync-backend-prod-${name}`)
        .toSorted(),
    );
    const [fiveHundreds] = added(full).filter(({ AlarmName }) => String(AlarmName).endsWith('-5xx'));
    expect(fiveHundreds, 'the metric of function URLs misses other entry points').toMatchObject({
      MetricName: 'Responses5xx',
      Namespace: 'cognito-sync-backend-prod',
    });
    for (const [name, metric] of [
      ['stream-gone', 'StreamsGone'],
      ['events-parked', 'EventsParked'],
    ] as const) {
      const [alarm] = added(full).filter(({ AlarmName }) => String(AlarmName).endsWith(name));
      expect(alarm, 'the sum of a state would count it once per run').toMatchObject({
        MetricName: metric,
        Statistic: 'Maximum',
        Threshold: 0,
      });
    }
    for (const alarm of added(full)) {
      expect(alarm).toMatchObject({
        AlarmActions: [TOPIC],
        OKActions: [TOPIC],
        ...(String(alarm.AlarmName).endsWith('-silent')
          ? { TreatMissingData: 'breaching', ComparisonOperator: 'LessThanThreshold', Threshold: 1 }
          : { TreatMissingData: 'notBreaching', ComparisonOperator: 'GreaterThanThreshold' }),
      });
    }
    const jobs = (name: string) =>
      added(full)
        .filter(({ AlarmName }) => String(AlarmName).endsWith(name))
        .flatMap(metricsOfAlarm)
        .map(({ dimensions }) => dimensions[0]?.[1]);
    const all = Object.keys(JOBS).map((name) => ({ Ref: functionId(name) }));
    expect(jobs('service-jobs-errors')).toEqual(all);
    expect([...jobs('relay-outbox-silent'), ...jobs('service-jobs-silent')]).toEqual(all);
  });
});

it.skipIf(noCfnLint)('cfn-lint finds nothing in the templates of the service', { timeout: 120_000 }, () => {
  const templates = [service, closed, full].map(({ templateFile }) => templateFile);
  const { stdout, stderr, status } = spawnSync('cfn-lint', templates, { encoding: 'utf8' });
  expect({ stdout, stderr, status }).toEqual({ stdout: '', stderr: '', status: 0 });
});
