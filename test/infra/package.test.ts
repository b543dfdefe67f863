import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployedMappingSettings } from '../../infra/local/event-source-mapping/deployed-mapping-settings.ts';
import limits from '../../infra/stack/function-limits.json' with { type: 'json' };
import { askSyncTrigger } from '../fixtures/rules/ask-sync-trigger.ts';
import { makeRulesFolder, type RulesFolder, rulesOfSize } from '../fixtures/rules/rules-folder.ts';
import {
  type DeployableCopy,
  makeDeployableCopy,
  packageServiceOnce,
  type Resource,
  unpackArchives,
} from '../fixtures/stack/deployable-copy.ts';

const run = promisify(execFile);
/** The address that functions with a database receive. */
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
  await unpackArchives(directory, join(directory, 'unpacked'));
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
  it('maps the stream to the handler with the settings of the local cloud', () => {
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

  it('retains records longer than the handler may retry them', () => {
    const [stream] = ofType('AWS::Kinesis::Stream');
    expect(stream).toMatchObject({ RetentionPeriodHours: 168, StreamEncryption: { EncryptionType: 'KMS' } });
    const [mapping] = ofType('AWS::Lambda::EventSourceMapping');
    expect(Number(mapping?.MaximumRecordAgeInSeconds)).toBeLessThan(168 * 3600);
  });

  it('keeps discarded records for 90 days, encrypted and without public access', () => {
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

  it('passes the address of the database only to the functions that need it', () => {
    const withAddress = Object.entries(resources).filter(([, resource]) =>
      JSON.stringify(resource).includes('hunter2'),
    );
    expect(withAddress.map(([name]) => name)).toEqual([
      'ProjectDashstreamLambdaFunction',
      'SweepDashqueryDashstoreLambdaFunction',
      'MigrateLambdaFunction',
      'PollDashbulkDashpublishLambdaFunction',
    ]);
    expect(resources.SyncDashtriggerLambdaFunction?.Properties.Environment).toEqual({
      Variables: { POWERTOOLS_METRICS_NAMESPACE: 'cognito-sync-backend-dev' },
    });
  });

  it('allows only identity pools of this account and region to invoke the sync trigger', () => {
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

  it('gives every function the same time and memory limits as the local cloud', async () => {
    const { resources: withService } = await packageServiceOnce();
    const deployed = Object.values(withService)
      .filter(({ Type }) => Type === 'AWS::Lambda::Function')
      .map(({ Properties: { FunctionName, Timeout, MemorySize } }) => [
        String(FunctionName).replace('cognito-sync-backend-dev-', ''),
        { timeout: Timeout, memorySize: MemorySize },
      ]);
    expect(limits).toMatchObject(Object.fromEntries(deployed));
  }, 120_000);

  it('limits the sync trigger to the five seconds that Cognito waits', () => {
    expect(resources.SyncDashtriggerLambdaFunction?.Properties).toMatchObject({
      Timeout: 5,
      MemorySize: 512,
    });
  });

  it('has an archive of its own for each function, with its bundle and its source map', async () => {
    const names = ofType('AWS::Lambda::Function').map(({ Code, Handler }) => {
      const [module] = String(Handler).split('.');
      return { key: JSON.stringify(Code), module };
    });
    expect(names.length).toBeGreaterThan(0);
    for (const { key, module } of names) {
      const archive = `${module?.replace('functions/', '')}.zip`;
      expect(key).toContain(`/${archive}"`);
      const { stdout } = await run('unzip', ['-Z1', join(directory, archive)]);
      expect(stdout.trim().split('\n').toSorted()).toEqual([`${module}.mjs`, `${module}.mjs.map`]);
      const code = await readFile(join(directory, 'unpacked', `${module}.mjs`), 'utf8');
      expect(code).toContain(`//# sourceMappingURL=${module?.replace('functions/', '')}.mjs.map`);
    }
  });

  it('has the same archives as a package of the same code from another folder and time', async () => {
    const other = (await packageServiceOnce()).directory;
    for (const name of ['migrate', 'project-stream', 'poll-bulk-publish']) {
      const [here, there] = await Promise.all(
        [directory, other].map((folder) => readFile(join(folder, `${name}.zip`))),
      );
      expect(here?.equals(there ?? Buffer.alloc(0)), name).toBe(true);
    }
  }, 120_000);

  it('bundles a sync trigger with the rules that SYNC_RULES names', async () => {
    const bundle = join(directory, 'unpacked/functions/sync-trigger.mjs');
    expect(await askSyncTrigger(bundle, 3)).toMatchObject({ datasetRecords: { score: { newValue: 'xxx' } } });
    expect(await askSyncTrigger(bundle, 4)).toBe('score: its value is longer than 3 bytes');
  });

  it('bundles a stream handler that can be loaded and reports that DATABASE_URL is not set', async () => {
    const bundle = join(directory, 'unpacked/functions/project-stream.mjs');
    const script = `const { handler } = await import(${JSON.stringify(bundle)}); await handler({ Records: [] }, {});`;
    await expect(
      run(process.execPath, ['--input-type=module', '-e', script], { env: { PATH: process.env.PATH } }),
    ).rejects.toThrow('DATABASE_URL is not set; set it to postgres://user:password@host:5432/database');
  });
});
