import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployedMappingSettings } from '../../infra/local/event-source-mapping/deployed-mapping-settings.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

interface Resource {
  Type: string;
  Properties: Record<string, unknown>;
}
let directory: string;
let resources: Record<string, Resource>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'package-'));
  const serverless = join(ROOT, 'node_modules/.bin/serverless');
  await run(process.execPath, [serverless, 'package', '--package', directory], { cwd: ROOT });
  const template = JSON.parse(
    await readFile(join(directory, 'cloudformation-template-update-stack.json'), 'utf8'),
  );
  resources = template.Resources;
}, 120_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

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

  it('runs on the Node it is tested with', () => {
    expect(ofType('AWS::Lambda::Function')).toEqual([
      expect.objectContaining({ Runtime: 'nodejs24.x', Handler: 'functions/project-stream.handler' }),
    ]);
    expect(process.versions.node.split('.')[0]).toBe('24');
  });

  it('lets the handler read this stream, keep what is discarded and write its log, and nothing else', () => {
    const roles = ofType('AWS::IAM::Role');
    const statements = roles.flatMap((role) =>
      JSON.parse(JSON.stringify(role.Policies)).flatMap(
        (policy: { PolicyDocument: { Statement: object[] } }) => policy.PolicyDocument.Statement,
      ),
    );
    const ownAccount = { StringEquals: { 's3:ResourceAccount': { Ref: 'AWS::AccountId' } } };
    expect(roles).toHaveLength(1);
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

  it('bundles a handler that loads, and that names what is missing', async () => {
    await run('unzip', [
      '-q',
      join(directory, 'cognito-sync-backend.zip'),
      '-d',
      join(directory, 'unzipped'),
    ]);
    const bundle = join(directory, 'unzipped/functions/project-stream.mjs');
    const script = `const { handler } = await import(${JSON.stringify(bundle)}); await handler({ Records: [] }, {});`;
    await expect(
      run(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env.PATH } }),
    ).rejects.toThrow('DATABASE_URL is not set; it looks like postgres://user:password@host:5432/database');
  });
});
