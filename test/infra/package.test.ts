import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployedMappingSettings } from '../../infra/local/event-source-mapping/deployed-mapping-settings.ts';
import { askSyncTrigger } from '../fixtures/ask-sync-trigger.ts';
import { makeRulesFolder, type RulesFolder, rulesOfSize } from '../fixtures/rules-folder.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
/** What the handler of the stream alone is told. */
const SECRET = 'postgres://user:hunter2@host:5432/database';

interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
}
let directory: string;
let folder: RulesFolder;
let resources: Record<string, Resource>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'package-'));
  folder = await makeRulesFolder();
  await folder.write('rules.ts', rulesOfSize(3));
  const serverless = join(ROOT, 'node_modules/.bin/serverless');
  const env = { ...process.env, SYNC_RULES: relative(ROOT, folder.rulesFile), DATABASE_URL: SECRET };
  await run(process.execPath, [serverless, 'package', '--package', directory], { cwd: ROOT, env });
  await run('unzip', ['-q', join(directory, 'cognito-sync-backend.zip'), '-d', join(directory, 'unzipped')]);
  const template = JSON.parse(
    await readFile(join(directory, 'cloudformation-template-update-stack.json'), 'utf8'),
  );
  resources = template.Resources;
}, 120_000);
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  await folder.remove();
});

const ofType = (type: string) =>
  Object.values(resources)
    .filter((resource) => resource.Type === type)
    .map(({ Properties }) => Properties);

const statementsOf = (role: string) =>
  JSON.parse(JSON.stringify(resources[role]?.Properties.Policies)).flatMap(
    (policy: { PolicyDocument: { Statement: object[] } }) => policy.PolicyDocument.Statement,
  );

describe('the packaged stack', () => {
  it('maps the stream to the handler, with the settings that the local cloud runs with', () => {
    const settings = deployedMappingSettings();
    expect(ofType('AWS::Lambda::EventSourceMapping')).toEqual([
      expect.objectContaining({
        EventSourceArn: { 'Fn::GetAtt': ['CognitoStream', 'Arn'] },
        BatchSize: settings.batchSize,
        MaximumBatchingWindowInSeconds: settings.maximumBatchingWindowMs / 1000,
        StartingPosition: settings.startingPosition,
        FunctionResponseTypes: ['ReportBatchItemFailures'],
        ParallelizationFactor: settings.parallelizationFactor,
        BisectBatchOnFunctionError: settings.bisectBatchOnFunctionError,
        MaximumRetryAttempts: settings.maximumRetryAttempts,
        MaximumRecordAgeInSeconds: settings.maximumRecordAgeInSeconds,
        DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['FailuresBucket', 'Arn'] } } },
      }),
    ]);
  });

  it('keeps records just longer than the handler may try', () => {
    const [stream] = ofType('AWS::Kinesis::Stream');
    expect(stream).toMatchObject({ RetentionPeriodHours: 168, StreamEncryption: { EncryptionType: 'KMS' } });
    const [mapping] = ofType('AWS::Lambda::EventSourceMapping');
    expect(Number(mapping?.MaximumRecordAgeInSeconds)).toBeLessThan(168 * 3600);
  });

  it('keeps discarded records for 90 days, encrypted, and open to nobody', () => {
    expect(resources.FailuresBucket).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        LifecycleConfiguration: { Rules: [{ Id: 'expire', Status: 'Enabled', ExpirationInDays: 90 }] },
      },
    });
    expect(resources.FailuresBucketPolicy?.Properties).toMatchObject({
      Bucket: { Ref: 'FailuresBucket' },
      PolicyDocument: {
        Statement: [
          {
            Effect: 'Deny',
            Principal: '*',
            Action: 's3:*',
            Condition: { Bool: { 'aws:SecureTransport': 'false' } },
          },
        ],
      },
    });
  });

  it('runs on the Node it is tested with', () => {
    const onNode24 = (name: string) =>
      expect.objectContaining({ Runtime: 'nodejs24.x', Handler: `functions/${name}.handler` });
    expect(ofType('AWS::Lambda::Function')).toEqual([onNode24('project-stream'), onNode24('sync-trigger')]);
    expect(process.versions.node.split('.')[0]).toBe('24');
  });

  it('tells the database to the handler of the stream alone', () => {
    const told = Object.entries(resources).filter(([, resource]) =>
      JSON.stringify(resource).includes('hunter2'),
    );
    expect(told.map(([name]) => name)).toEqual(['ProjectDashstreamLambdaFunction']);
    expect(resources.SyncDashtriggerLambdaFunction?.Properties).not.toHaveProperty('Environment');
  });

  it('lets the handler read this stream, keep what is discarded and write its log, and nothing else', () => {
    const statements = statementsOf('ProjectStreamRole');
    const ownAccount = { StringEquals: { 's3:ResourceAccount': { Ref: 'AWS::AccountId' } } };
    expect(ofType('AWS::IAM::Role')).toHaveLength(2);
    expect(statements).toEqual([
      {
        Sid: 'ReadStream',
        Effect: 'Allow',
        Action: [
          'kinesis:DescribeStream',
          'kinesis:DescribeStreamSummary',
          'kinesis:GetRecords',
          'kinesis:GetShardIterator',
          'kinesis:ListShards',
        ],
        Resource: { 'Fn::GetAtt': ['CognitoStream', 'Arn'] },
      },
      {
        Sid: 'KeepDiscardedRecords',
        Effect: 'Allow',
        Action: 's3:PutObject',
        Resource: { 'Fn::Sub': `\${FailuresBucket.Arn}/*` },
        Condition: ownAccount,
      },
      {
        Sid: 'FindFailuresBucket',
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: { 'Fn::GetAtt': ['FailuresBucket', 'Arn'] },
        Condition: ownAccount,
      },
      {
        Sid: 'WriteLog',
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: {
          'Fn::Sub': expect.stringMatching(
            /:log-group:\/aws\/lambda\/cognito-sync-backend-dev-project-stream:\*$/,
          ),
        },
      },
    ]);
  });

  it('lets the sync trigger write its log, and nothing else', () => {
    expect(resources.SyncDashtriggerLambdaFunction?.Properties).toMatchObject({
      Role: { 'Fn::GetAtt': ['SyncTriggerRole', 'Arn'] },
    });
    expect(resources.SyncTriggerRole?.Properties).not.toHaveProperty('ManagedPolicyArns');
    expect(statementsOf('SyncTriggerRole')).toEqual([
      {
        Sid: 'WriteLog',
        Effect: 'Allow',
        Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        Resource: {
          'Fn::Sub': expect.stringMatching(
            /:log-group:\/aws\/lambda\/cognito-sync-backend-dev-sync-trigger:\*$/,
          ),
        },
      },
    ]);
  });

  it('lets identity pools of this account and region call the sync trigger, and nobody else', () => {
    const arn = `arn:\${AWS::Partition}:cognito-identity:\${AWS::Region}:\${AWS::AccountId}:identitypool/*`;
    expect(ofType('AWS::Lambda::Permission')).toEqual([
      {
        Action: 'lambda:InvokeFunction',
        FunctionName: { 'Fn::GetAtt': ['SyncDashtriggerLambdaFunction', 'Arn'] },
        Principal: 'cognito-sync.amazonaws.com',
        SourceAccount: { Ref: 'AWS::AccountId' },
        SourceArn: { 'Fn::Sub': arn },
      },
    ]);
  });

  it('gives the sync trigger no longer than Cognito waits', () => {
    expect(resources.SyncDashtriggerLambdaFunction?.Properties).toMatchObject({
      Timeout: 5,
      MemorySize: 512,
    });
  });

  it('bundles a sync trigger with the rules that SYNC_RULES names', async () => {
    const bundle = join(directory, 'unzipped/functions/sync-trigger.mjs');
    expect(await askSyncTrigger(bundle, 3)).toMatchObject({ datasetRecords: { score: { newValue: 'xxx' } } });
    expect(await askSyncTrigger(bundle, 4)).toBe('score: its value is longer than 3 bytes');
  });

  it('bundles a handler that loads, and that names what is missing', async () => {
    const bundle = join(directory, 'unzipped/functions/project-stream.mjs');
    const script = `const { handler } = await import(${JSON.stringify(bundle)}); await handler({ Records: [] }, {});`;
    await expect(
      run(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env.PATH } }),
    ).rejects.toThrow('DATABASE_URL is not set; it looks like postgres://user:password@host:5432/database');
  });
});
