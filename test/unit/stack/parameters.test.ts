import { describe, expect, it } from 'vitest';
import limits from '../../../infra/stack/function-limits.json' with { type: 'json' };
import {
  checkParameters,
  type DeploymentParameters,
} from '../../../infra/stack/parameters/check-parameters.ts';
import { deployment } from '../../../infra/stack/parameters/parameters.ts';
import mapping from '../../../infra/stack/project-stream-mapping.json' with { type: 'json' };
import { SetupError } from '../../../lib/common/errors.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';

const SECRET_URL = 'postgres://user:hunter2@host:5432/database?sslmode=verify-full';
const ARN = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/query-store-AbC123';
const STREAM = 'arn:aws:kinesis:us-east-1:123456789012:stream/origin';
const PROD = { stage: 'prod', region: 'us-east-1' };

/** Returns the problems of the parameters, one line per problem. */
function problemsOf(parameters: Partial<DeploymentParameters>, target = PROD): string[] {
  try {
    checkParameters(parameters, target);
    return [];
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    const [heading, ...lines] = error.message.split('\n');
    expect(heading).toBe('invalid deployment parameters:');
    return lines;
  }
}

describe('the parameters of a deployment', () => {
  it('require only a database', () => {
    expect(checkParameters({ database: 'dsql' }, PROD)).toMatchObject({
      database: 'dsql',
      databaseUrl: '',
      databaseSecret: '',
      databaseSecretArn: { 'Fn::Sub': expect.any(String) },
      databaseSecretKey: '',
      databaseSecretService: 'secretsmanager.us-east-1.amazonaws.com',
      readsSecret: 'no',
      decryptsSecret: 'no',
      inVpc: 'no',
      vpcSubnets: [],
      vpcSecurityGroups: [],
      identityPoolIds: '',
      poolArns: [
        {
          'Fn::Sub': `arn:\${AWS::Partition}:cognito-sync:\${AWS::Region}:\${AWS::AccountId}:identitypool/*`,
        },
      ],
      bulkPublishPolicy: 'off',
      poller: 'yes',
      listsPools: 'yes',
      startsBulkPublishes: 'no',
      publishTrust: 'account',
      payloadRegions: '',
      reservedConcurrency: null,
      alarmActions: [],
      tracing: 'no',
      tracingMode: 'PassThrough',
      stream: 'own',
      streamMode: 'on-demand',
      streamRetentionHours: 168,
      batchWindow: 0,
      maximumRecordAgeInSeconds: mapping.maximumRecordAgeInSeconds,
      service: 'no',
      functionUrl: 'no',
      serviceUsesCluster: 'no',
      serviceReadsSecret: 'no',
      serviceDecryptsSecret: 'no',
      serviceInVpc: 'no',
      readsLoginProviders: 'no',
      readsPushProviders: 'no',
      serviceConcurrency: null,
    });
  });

  it('may name an existing stream, or the mode and the retention of the stack’s own stream', () => {
    const streamArn = 'arn:aws:kinesis:us-east-1:123456789012:stream/origin.stream';
    expect(checkParameters({ database: 'dsql', streamArn, streamRetentionHours: '24' }, PROD)).toMatchObject({
      stream: 'existing',
      streamMode: 'existing',
      streamArn,
      streamName: 'origin.stream',
      maximumRecordAgeInSeconds: 23 * 3600,
    });
    expect(checkParameters({ database: 'dsql', streamMode: 'provisioned' }, PROD)).toMatchObject({
      stream: 'own',
      streamMode: 'provisioned',
    });
    expect(checkParameters({ database: 'dsql', batchWindow: '60' }, PROD)).toMatchObject({ batchWindow: 60 });
  });

  it('may add the service, on the database of the query store or on its own', () => {
    const cluster = checkParameters({ database: 'dsql', service: 'on', serviceConcurrency: '50' }, PROD);
    expect(cluster.relayConcurrency).toBe(2);
    expect(checkParameters({ database: 'dsql', service: 'on' }, PROD)).toMatchObject({
      serviceConcurrency: null,
      relayConcurrency: null,
    });
    expect(cluster).toMatchObject({
      service: 'yes',
      serviceDatabase: 'dsql',
      serviceUsesCluster: 'yes',
      serviceReadsSecret: 'no',
      ownDatabaseUrl: '',
      serviceConcurrency: 50,
    });
    expect(cluster.serviceSecretRoles).not.toContainEqual({ Ref: 'MigrateRole' });
    const shared = { database: 'url', databaseUrl: SECRET_URL, service: 'on', vpcSubnets: 'subnet-0123abcd' };
    const serviceConcurrency = '20';
    expect(
      checkParameters({ ...shared, serviceConcurrency, vpcSecurityGroups: 'sg-0123abcd' }, PROD),
    ).toMatchObject({
      serviceDatabase: 'url',
      serviceDatabaseUrl: SECRET_URL,
      ownDatabaseUrl: '',
      serviceInVpc: 'yes',
    });
    const own = checkParameters(
      { database: 'dsql', service: 'on', serviceDatabaseSecret: ARN, serviceConcurrency },
      PROD,
    );
    expect(own).toMatchObject({
      database: 'dsql',
      serviceDatabase: 'url',
      serviceUsesCluster: 'no',
      serviceReadsSecret: 'yes',
      serviceDatabaseSecretArn: ARN,
      serviceDatabaseSecretService: 'secretsmanager.eu-west-1.amazonaws.com',
      databaseSecret: '',
      readsSecret: 'no',
      ownDatabaseSecret: ARN,
    });
    // `migrate` reads the secret of the service's own database.
    expect(own.serviceSecretRoles).toContainEqual({ Ref: 'MigrateRole' });
  });

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    ['streamArn', { streamArn: 'cognito-sync' }, /is not the ARN of a Kinesis stream$/],
    [
      'streamArn',
      { streamArn: 'arn:aws:kinesis:eu-west-1:123456789012:stream/a' },
      /: the stream is in eu-west-1, but the stack is in us-east-1/,
    ],
    [
      'streamMode',
      { streamArn: 'arn:aws:kinesis:us-east-1:123456789012:stream/a', streamMode: 'provisioned' },
      /does not change the stream in streamArn/,
    ],
    ['streamMode', { streamMode: 'ondemand' }, /invalid value "ondemand"; use on-demand or provisioned$/],
    [
      'batchWindow',
      { batchWindow: '301' },
      /invalid value "301"; use a whole number of seconds from 0 to 300$/,
    ],
    ['batchWindow', { batchWindow: '1.5' }, /from 0 to 300$/],
    ['streamRetentionHours', { streamRetentionHours: '24.5' }, /"24\.5"; use a whole number from 24 to 168$/],
    ['streamRetentionHours', { streamRetentionHours: '12' }, /use a whole number from 24 to 168$/],
    ['service', { service: 'yes' }, /invalid value "yes"; use on or off$/],
    ['functionUrl', { service: 'on', functionUrl: 'no' }, /invalid value "no"; use on or off$/],
    ['poller', { poller: 'no' }, /invalid value "no"; use on or off$/],
    ['identityPools', { poller: 'off', identityPools: POOL }, /has no effect with poller=off; remove/],
    ['bulkPublishPolicy', { poller: 'off', bulkPublishPolicy: 'first' }, /has no effect with poller=off/],
    ['serviceConcurrency', { service: 'on', serviceConcurrency: '0' }, /use a whole number from 1 to 10000$/],
    [
      'serviceDatabaseUrl',
      { service: 'on', serviceConcurrency: '9', serviceDatabaseUrl: 'postgres://user:hunter2@host/db' },
      /\(SERVICE_DATABASE_URL\): .*sslmode/,
    ],
    [
      'serviceDatabaseSecretKey',
      { service: 'on', serviceDatabaseSecretKey: 'x' },
      /given without serviceDatabaseSecret/,
    ],
    ['loginProviders', { service: 'on', loginProviders: '/etc/providers.json' }, /not a JSON object/],
    [
      'loginProvidersSecret',
      { service: 'on', loginProviders: '{}', loginProvidersSecret: 'providers' },
      /use only one of them$/,
    ],
    ['rateLimits', { service: 'on', rateLimits: 'few' }, /not a JSON object/],
    [
      'rateLimits',
      { service: 'on', rateLimits: '{"adress":{"perSecond":5}}' },
      /unknown member "adress"; did you mean address\?$/,
    ],
    ['syncLimits', { service: 'on', syncLimits: 'many' }, /it is not a JSON object; use e\.g\. /],
    [
      'syncLimits',
      { service: 'on', syncLimits: '{"datasetsPerIdentity":40}' },
      /unknown limit "datasetsPerIdentity"; use rowsPerDataset, keyBytesPerDataset, devicesPerIdentity$/,
    ],
    [
      'syncLimits',
      { service: 'on', syncLimits: '{"rowsPerDataset":0}' },
      /rowsPerDataset is not a positive whole number; the default is 16384$/,
    ],
    ['origins', { service: 'on', origins: 'https://app.example/path' }, /entry 1 is not an origin/],
    ['trustedProxies', { service: 'on', trustedProxies: '10.0.0.0/33' }, /"10.0.0.0\/33" is not a network/],
    ['trustedProxies', { service: 'on', trustedProxies: '0.0.0.0/0' }, /trusts every client/],
    [
      'loginProviders',
      { service: 'on', loginProviders: '{"login.example.com":{"clientIds":"hunter2"}}' },
      /login.example.com.clientIds must be an array/,
    ],
    [
      'loginProviders',
      { service: 'on', loginProviders: JSON.stringify({ 'a.example': { clientIds: ['x'.repeat(3_500)] } }) },
      /: the environment of service-api would have \d+ bytes, but Lambda accepts 4096; use loginProvidersSecret$/,
    ],
    [
      'origins',
      {
        service: 'on',
        origins: Array.from({ length: 200 }, (_, index) => `https://${index}.example`).join(),
      },
      /Lambda accepts 4096; shorten origins$/,
    ],
    ['serviceConcurrency', { service: 'on', serviceDatabaseSecret: ARN }, /: missing; .* two connections/],
    ['syncTriggerConcurrency', { syncTriggerConcurrency: '0' }, /use a whole number from 1 to 10000$/],
    [
      'loginProvidersSecretKey',
      { service: 'on', loginProvidersSecretKey: 'arn:aws:kms:us-east-1:123456789012:key/1' },
      /given without loginProvidersSecret/,
    ],
    [
      'loginProvidersSecretKey',
      { service: 'on', loginProvidersSecret: 'providers', loginProvidersSecretKey: 'alias/mine' },
      /is not the ARN of a KMS key$/,
    ],
    [
      'pushProvidersSecretKey',
      { service: 'on', pushProvidersSecretKey: 'arn:aws:kms:us-east-1:123456789012:key/1' },
      /given without pushProvidersSecret/,
    ],
    ['pushProvidersSecret', { service: 'on', pushProvidersSecret: '{"a":1}' }, /is not the name or ARN of a/],
    [
      'streamKey',
      { streamKey: 'arn:aws:kms:us-east-1:123456789012:key/1' },
      /the stack's own stream uses Amazon's key; remove streamKey, or pass streamArn$/,
    ],
    ['streamKey', { streamArn: STREAM, streamKey: 'alias/mine' }, /is not the ARN of a KMS key$/],
    [
      'streamKey',
      { streamArn: STREAM, streamKey: 'arn:aws:kms:eu-west-1:123456789012:key/1' },
      /the key is in eu-west-1, but the stream is in us-east-1/,
    ],
  ])('are rejected if %s is invalid: %o', (name, parameters, problem) => {
    const [line, ...more] = problemsOf({ database: 'dsql', ...parameters });
    expect(line).toMatch(new RegExp(`^${name}`));
    expect(line).toMatch(problem);
    expect(line).not.toContain('hunter2');
    expect(more).toEqual([]);
  });

  it('are rejected if they belong to the service but service=on is missing, and their syntax is checked', () => {
    const ofService = {
      serviceDatabaseSecret: 'service',
      serviceDatabaseSecretKey: 'arn:aws:kms:us-east-1:123456789012:key/0123',
      serviceConcurrency: '9',
      functionUrl: 'off',
      loginProvidersSecret: 'providers',
      loginProvidersSecretKey: 'arn:aws:kms:us-east-1:123456789012:key/0123',
      pushProvidersSecret: 'push',
      pushProvidersSecretKey: 'arn:aws:kms:us-east-1:123456789012:key/0123',
      origins: 'https://app.example',
      rateLimits: 'on',
      syncLimits: '{"rowsPerDataset":32768}',
      trustedProxies: '10.0.0.0/8',
    };
    for (const service of ['', 'off']) {
      expect(problemsOf({ database: 'dsql', service, ...ofService })).toEqual(
        Object.keys(ofService).map((name) => expect.stringMatching(`^${name}: given without service=on`)),
      );
    }
    expect(
      problemsOf({ database: 'dsql', loginProviders: '/etc/providers.json', rateLimits: 'few' }),
    ).toEqual([
      expect.stringMatching(/^loginProviders: given without service=on/),
      expect.stringMatching(/^rateLimits: given without service=on/),
      expect.stringMatching(/^loginProviders: .* not a JSON object/),
      expect.stringMatching(/^rateLimits: .* not a JSON object/),
    ]);
    // This parameter is not rejected: its environment variable can be set for another deployment.
    expect(problemsOf({ database: 'dsql', serviceDatabaseUrl: SECRET_URL })).toEqual([]);
  });

  it.each<[string, Partial<DeploymentParameters>]>([
    ['on by default', {}],
    ['on with the service if it names a stream', { service: 'on', streamArn: STREAM }],
    ['on with the service if it names pools', { service: 'on', identityPools: POOL }],
    ['on with the service if it has a policy', { service: 'on', bulkPublishPolicy: 'first' }],
    ['on with the service and poller=on', { service: 'on', poller: 'on' }],
  ])('switch the poller: %s', (_, parameters) => {
    const given = checkParameters({ database: 'dsql', ...parameters }, PROD);
    expect(given).toMatchObject({ poller: 'yes' });
    expect(given.queryStoreRoles).toContainEqual({ Ref: 'PollBulkPublishRole' });
  });

  it.each<[string, Partial<DeploymentParameters>]>([
    ['off with the service', { service: 'on', serviceConcurrency: '9' }],
    ['off with poller=off', { poller: 'off' }],
  ])('switch the poller: %s', (_, parameters) => {
    const vpc = { vpcSubnets: 'subnet-0123abcd', vpcSecurityGroups: 'sg-0123abcd' };
    const given = checkParameters(
      { database: 'url', databaseSecret: 'secret', ...vpc, tracing: 'on', ...parameters },
      PROD,
    );
    expect(given).toMatchObject({
      poller: 'no',
      pollerInVpc: 'no',
      listsPools: 'no',
      startsBulkPublishes: 'no',
    });
    const lists = Object.entries(given).filter(([name]) => /Roles|Arns/.test(name));
    expect(lists.length).toBeGreaterThan(8);
    expect(JSON.stringify(lists)).not.toMatch(/PollBulkPublish|poll-bulk-publish/);
  });

  it('may all be set at the same time', () => {
    const alarmTopic = 'arn:aws:sns:us-east-1:123456789012:alarms';
    const all = {
      database: 'url',
      databaseUrl: SECRET_URL,
      identityPools: ` ${POOL} , us-east-1:abc`,
      bulkPublishPolicy: 'every 7 days',
      payloadRegions: 'us-east-1,eu-west-1',
      reservedConcurrency: '20',
      alarmTopic,
      tracing: 'on',
    };
    expect(checkParameters(all, PROD)).toMatchObject({
      databaseUrl: SECRET_URL,
      identityPoolIds: `${POOL},us-east-1:abc`,
      poolArns: [
        { 'Fn::Sub': expect.stringMatching(new RegExp(`:identitypool/${POOL}$`)) },
        { 'Fn::Sub': expect.stringMatching(/:identitypool\/us-east-1:abc$/) },
      ],
      listsPools: 'no',
      startsBulkPublishes: 'yes',
      reservedConcurrency: 20,
      alarmActions: [alarmTopic],
      tracing: 'yes',
      tracingMode: 'Active',
    });
  });

  it('may name a secret together with an address', () => {
    const location = 'postgres://host/database?sslmode=disable';
    const given = { database: 'url', databaseSecret: 'team/query-store', databaseUrl: location };
    const arn = `arn:\${AWS::Partition}:secretsmanager:\${AWS::Region}:\${AWS::AccountId}:secret:team/query-store-??????`;
    expect(checkParameters(given, PROD)).toMatchObject({
      databaseUrl: location,
      databaseSecret: 'team/query-store',
      databaseSecretArn: { 'Fn::Sub': arn },
      readsSecret: 'yes',
      decryptsSecret: 'no',
    });
  });

  it('may name a secret in another region, with a key in that region', () => {
    const databaseSecretKey = 'arn:aws:kms:eu-west-1:123456789012:key/mrk-0123';
    expect(checkParameters({ database: 'url', databaseSecret: ARN, databaseSecretKey }, PROD)).toMatchObject({
      databaseSecret: ARN,
      databaseSecretArn: ARN,
      databaseSecretKey,
      databaseSecretService: 'secretsmanager.eu-west-1.amazonaws.com',
      decryptsSecret: 'yes',
    });
  });

  it('may name a secret that RDS manages', () => {
    const databaseSecret = ARN.replace(
      'team/query-store',
      'rds!cluster-11111111-1111-4111-8111-111111111111',
    );
    const databaseUrl = 'postgres://db.internal:5432/app?sslmode=verify-full';
    expect(checkParameters({ database: 'url', databaseUrl, databaseSecret }, PROD)).toMatchObject({
      databaseSecretArn: databaseSecret,
      readsSecret: 'yes',
    });
  });

  it('may name a VPC', () => {
    const vpc = { vpcSubnets: 'subnet-0123abcd, subnet-0123456789abcdef0', vpcSecurityGroups: 'sg-0123abcd' };
    expect(checkParameters({ database: 'url', databaseUrl: SECRET_URL, ...vpc }, PROD)).toMatchObject({
      inVpc: 'yes',
      vpcSubnets: ['subnet-0123abcd', 'subnet-0123456789abcdef0'],
      vpcSecurityGroups: ['sg-0123abcd'],
    });
  });

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    ['no database', {}, /^database: missing/],
    ['an unknown database', { database: 'mysql' }, /^database: invalid value "mysql"/],
    ['database url without an address', { database: 'url' }, /^database: url requires databaseUrl/],
    [
      'both databases',
      { database: 'dsql', databaseUrl: SECRET_URL },
      /^database: dsql cannot be combined with databaseUrl/,
    ],
    [
      'a cluster and a secret',
      { database: 'dsql', databaseSecret: 'x' },
      /dsql cannot be combined with databaseSecret;/,
    ],
    [
      'a cluster and a VPC',
      { database: 'dsql', vpcSubnets: 'subnet-0123abcd' },
      /dsql cannot be combined with vpcSubnets;/,
    ],
    [
      'two passwords',
      { database: 'url', databaseUrl: SECRET_URL, databaseSecret: 'x' },
      /^databaseUrl \(DATABASE_URL\): the URL contains a password, but databaseSecret is also given/,
    ],
    [
      'an address without sslmode',
      { database: 'url', databaseUrl: 'postgres://user:hunter2@host/database' },
      /^databaseUrl \(DATABASE_URL\): it has no sslmode; .*\?sslmode=verify-full/,
    ],
    [
      'an address with an sslmode that pg will treat differently',
      { database: 'url', databaseUrl: 'postgres://user:hunter2@host/database?sslmode=require' },
      /^databaseUrl \(DATABASE_URL\): its sslmode is not supported/,
    ],
    [
      'an address of another database system',
      { database: 'url', databaseUrl: 'mysql://hunter2@host' },
      /^databaseUrl: /,
    ],
    [
      'a secret that is an address',
      { database: 'url', databaseSecret: SECRET_URL },
      /^databaseSecret: it is not/,
    ],
    ['a partial ARN', { database: 'url', databaseSecret: ARN.slice(0, -7) }, /^databaseSecret: .*whole ARN/],
    [
      'a key without a secret',
      { database: 'url', databaseUrl: SECRET_URL, databaseSecretKey: 'x' },
      /^databaseSecretKey: given without databaseSecret/,
    ],
    [
      'an alias of a key',
      {
        database: 'url',
        databaseSecret: 'x',
        databaseSecretKey: 'arn:aws:kms:us-east-1:123456789012:alias/mine',
      },
      /^databaseSecretKey: .*not the ARN of a KMS key/,
    ],
    [
      'a secret of another partition',
      { database: 'url', databaseSecret: ARN.replace('arn:aws:', 'arn:aws-cn:') },
      /^databaseSecret: the ARN is in the partition aws-cn/,
    ],
    [
      'a key of another region than the secret',
      {
        database: 'url',
        databaseSecret: ARN,
        databaseSecretKey: 'arn:aws:kms:us-east-1:123456789012:key/0123',
      },
      /^databaseSecretKey: the key is in us-east-1, but the secret is in eu-west-1/,
    ],
  ])('are rejected with %s, naming the parameter but no secret value', (_, parameters, reason) => {
    const found = problemsOf(parameters);
    expect(found).toEqual([expect.stringMatching(reason)]);
    expect(found.join()).not.toContain('hunter2');
  });

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    ['only subnets', { vpcSubnets: 'subnet-0123abcd' }, /^vpcSecurityGroups: missing/],
    ['only security groups', { vpcSecurityGroups: 'sg-0123abcd' }, /^vpcSubnets: missing/],
    [
      'an invalid subnet',
      { vpcSubnets: 'subnet-0123abcd,vpc-0123abcd', vpcSecurityGroups: 'sg-0123abcd' },
      /^vpcSubnets: "vpc-0123abcd" is not the id of a subnet/,
    ],
    [
      'a subnet twice',
      { vpcSubnets: 'subnet-0123abcd,subnet-0123abcd', vpcSecurityGroups: 'sg-0123abcd' },
      /^vpcSubnets: the id of a subnet is listed twice/,
    ],
    [
      'more security groups than a function may have',
      {
        vpcSubnets: 'subnet-0123abcd',
        vpcSecurityGroups: [1, 2, 3, 4, 5, 6].map((i) => `sg-0123abc${i}`).join(),
      },
      /^vpcSecurityGroups: 6 ids given, but a function can have at most 5/,
    ],
  ])('are rejected with %s, naming the parameter', (_, parameters, reason) => {
    const found = problemsOf({ database: 'url', databaseUrl: SECRET_URL, ...parameters });
    expect(found).toEqual([expect.stringMatching(reason)]);
  });

  it.each<[string, Partial<DeploymentParameters>, RegExp]>([
    [
      'a pool of another region',
      { identityPools: 'eu-west-1:abc' },
      /^identityPools: .*not in the region us-east-1/,
    ],
    ['an invalid pool', { identityPools: 'my pool' }, /^identityPools: .*not an identity pool id/],
    [
      'an invalid policy',
      { bulkPublishPolicy: 'daily' },
      /^bulkPublishPolicy: .*BULK_PUBLISH_POLICY "daily"/,
    ],
    ['an invalid region', { payloadRegions: 'Ireland' }, /^payloadRegions: .*Ireland/],
    ['a concurrency of 0', { reservedConcurrency: '0' }, /^reservedConcurrency: invalid value "0"/],
    ['an invalid concurrency', { reservedConcurrency: '1e3' }, /^reservedConcurrency: invalid value "1e3"/],
    ['an invalid topic', { alarmTopic: 'ops@example.com' }, /^alarmTopic: .*not the ARN/],
    [
      'a topic of another region',
      { alarmTopic: 'arn:aws:sns:eu-west-1:123456789012:alarms' },
      /^alarmTopic: the topic is in eu-west-1, but the stack is in us-east-1/,
    ],
    [
      'a topic of another partition',
      { alarmTopic: 'arn:aws-us-gov:sns:us-east-1:123456789012:alarms' },
      /^alarmTopic: the ARN is in the partition aws-us-gov, but us-east-1 is in aws/,
    ],
    ['an invalid trust', { publishTrust: 'everybody' }, /^publishTrust: invalid value "everybody"/],
    [
      'more pools than fit',
      { identityPools: Array.from({ length: 31 }, (_, index) => `us-east-1:${1000 + index}`).join() },
      /^identityPools: 31 pools given, but at most 30 can be named/,
    ],
    ['an invalid tracing value', { tracing: 'maybe' }, /^tracing: invalid value "maybe"/],
  ])('are rejected with %s, naming the parameter', (_, parameters, reason) => {
    expect(problemsOf({ database: 'dsql', ...parameters })).toEqual([expect.stringMatching(reason)]);
  });

  it('accept the longest stage with which the name of each function is valid', () => {
    const stage = 'abcdefghijklmnopq';
    expect(problemsOf({ database: 'dsql' }, { ...PROD, stage })).toEqual([]);
    const names = Object.keys(limits).map((name) => `cognito-sync-backend-${stage}-${name}`);
    expect(Math.max(...names.map(({ length }) => length))).toBe(64);
  });

  it.each(['', 'Prod', '1st', 'prod-', 'a_b', 'abcdefghijklmnopqr'])(
    'are rejected for the stage "%s"',
    (stage) => {
      expect(problemsOf({ database: 'dsql' }, { stage, region: 'us-east-1' })).toEqual([
        expect.stringContaining(`stage: invalid value "${stage}"`),
      ]);
    },
  );

  it('are rejected with all problems in one error', () => {
    expect(
      problemsOf({ tracing: 'x', bulkPublishPolicy: 'x' }, { stage: 'X', region: 'us-east-1' }),
    ).toHaveLength(4);
  });

  it('are read from the variables of serverless.yml, whether they are texts, numbers or booleans', async () => {
    const values = new Map<string, unknown>([
      ['param:database', 'dsql'],
      ['param:reservedConcurrency', 5],
      ['param:tracing', true],
      ['sls:stage', 'prod'],
      ['self:provider.region', 'us-east-1'],
    ]);
    const resolvers = {
      resolveVariable: async (variable: string) => values.get(variable) ?? null,
      resolveConfigurationProperty: async () => null,
      options: {},
    };
    expect(await deployment(resolvers)).toMatchObject({ reservedConcurrency: 5, tracing: 'yes' });
    values.delete('param:database');
    await expect(deployment(resolvers)).rejects.toThrow(/\ndatabase: missing/);
  });

  it('are rejected if some have unknown names; the error lists all of these names', () => {
    const names = ['database', 'identityPool', 'tracing', 'alarmtopic'];
    expect(() => checkParameters({ database: 'dsql' }, { ...PROD, names })).toThrow(
      /\nidentityPool: unknown parameter; the parameters are database, .*identityPools.*\nalarmtopic: unknown parameter/,
    );
  });

  it('are rejected with only one problem for an invalid region: values that depend on the region are not checked', () => {
    expect(problemsOf({ database: 'dsql' }, { stage: 'prod', region: 'moon' })).toEqual([
      'region: "moon" is not the name of a region; use, for example, us-east-1',
    ]);
  });
});
