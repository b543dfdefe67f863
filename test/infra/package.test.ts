import { execFile } from 'node:child_process';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployedMappingSettings } from '../../infra/local/event-source-mapping/deployed-mapping-settings.ts';
import { askSyncTrigger } from '../fixtures/rules/ask-sync-trigger.ts';
import { makeRulesFolder, type RulesFolder, rulesOfSize } from '../fixtures/rules/rules-folder.ts';
import { type DeployableCopy, makeDeployableCopy, type Resource } from '../fixtures/stack/deployable-copy.ts';

const run = promisify(execFile);
/** What the functions with a database are told. */
const SECRET = 'postgres://user:hunter2@host:5432/database?sslmode=verify-full';

let copy: DeployableCopy;
let folder: RulesFolder;
let directory: string;
let resources: Record<string, Resource>;

beforeAll(async () => {
  copy = await makeDeployableCopy();
  folder = await makeRulesFolder();
  await folder.write('rules.ts', rulesOfSize(3));
  const env = { SYNC_RULES: relative(copy.path, folder.rulesFile), DATABASE_URL: SECRET };
  ({ directory, resources } = await copy.package(['--param=database=url'], env));
  await run('unzip', ['-q', join(directory, 'cognito-sync-backend.zip'), '-d', join(directory, 'unzipped')]);
}, 120_000);
afterAll(async () => {
  await copy.remove();
  await folder.remove();
});

const ofType = (type: string) =>
  Object.values(resources)
    .filter((resource) => resource.Type === type)
    .map(({ Properties }) => Properties);

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

  it('tells the database to the functions that need it, and to nobody else', () => {
    const told = Object.entries(resources).filter(([, resource]) =>
      JSON.stringify(resource).includes('hunter2'),
    );
    expect(told.map(([name]) => name)).toEqual([
      'ProjectDashstreamLambdaFunction',
      'PollDashbulkDashpublishLambdaFunction',
      'SweepDashqueryDashstoreLambdaFunction',
      'MigrateLambdaFunction',
    ]);
    expect(resources.SyncDashtriggerLambdaFunction?.Properties.Environment).toEqual({
      Variables: { POWERTOOLS_METRICS_NAMESPACE: 'cognito-sync-backend-dev' },
    });
  });

  it('lets identity pools of this account and region call the sync trigger, and nobody else', () => {
    const arn = `arn:\${AWS::Partition}:cognito-identity:\${AWS::Region}:\${AWS::AccountId}:identitypool/*`;
    const permissions = ofType('AWS::Lambda::Permission').filter(
      ({ Principal }) => Principal !== 'events.amazonaws.com',
    );
    expect(permissions).toEqual([
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
    ).rejects.toThrow('DATABASE_URL is not set; set it to postgres://user:password@host:5432/database');
  });
});
