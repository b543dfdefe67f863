import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeleteStreamCommand, DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readServiceKeysJson } from '../../lib/common/service-keys.ts';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { type LambdaProxy, startLambdaProxy } from '../fixtures/aws/lambda-proxy.ts';
import { type MotoServer, noMoto, startMotoServer } from '../fixtures/aws/moto-server.ts';
import { createEmptyPostgresDatabase } from '../fixtures/database/databases.ts';
import {
  type DeployableCopy,
  makeDeployableCopy,
  unpackArchives,
} from '../fixtures/stack/deployable-copy.ts';

if (noMoto)
  console.log('moto_server is not on the PATH: the test of deploying, updating and removing is skipped');

const STACK = 'cognito-sync-backend-prod';
const POLLER = `${STACK}-poll-bulk-publish`;
const FUNCTIONS = [
  'finish-identity-deletions',
  'finish-merges',
  'finish-pool-deletions',
  'migrate',
  'project-stream',
  'relay-outbox',
  'run-bulk-publish',
  'service-api',
  'sweep-datasets',
  'sweep-guests',
  'sweep-payloads',
  'sweep-query-store',
  'sync-trigger',
].map((name) => `${STACK}-${name}`);
const SECRET = 'service-keys';
const ARGS = [
  '--stage',
  'prod',
  '--param=database=url',
  '--param=service=on',
  '--param=serviceConcurrency=20',
];

/** CloudFormation's list of the resources of a removed stack. Source: AWS CloudFormation API Reference. */
const RETAINED = `<ListStackResourcesResponse><ListStackResourcesResult><StackResourceSummaries>
  <member>
    <LogicalResourceId>CognitoStream</LogicalResourceId>
    <PhysicalResourceId>cognito-sync-prod</PhysicalResourceId>
    <ResourceType>AWS::Kinesis::Stream</ResourceType>
    <ResourceStatus>DELETE_SKIPPED</ResourceStatus>
    <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>
  </member>
  <member>
    <LogicalResourceId>FailuresBucket</LogicalResourceId>
    <PhysicalResourceId>deleted-since</PhysicalResourceId>
    <ResourceType>AWS::S3::Bucket</ResourceType>
    <ResourceStatus>DELETE_SKIPPED</ResourceStatus>
    <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>
  </member>
  <member>
    <LogicalResourceId>MigrateRole</LogicalResourceId>
    <PhysicalResourceId>migrate-role</PhysicalResourceId>
    <ResourceType>AWS::IAM::Role</ResourceType>
    <ResourceStatus>DELETE_COMPLETE</ResourceStatus>
    <LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp>
  </member>
</StackResourceSummaries></ListStackResourcesResult></ListStackResourcesResponse>`;

/**
 * Deploys the stack with the service and a user's database to an emulator of AWS. The emulator cannot create Aurora DSQL
 * clusters and secrets from templates. It silently ignores alarms, bucket policies, function URLs and settings of
 * asynchronous invocations, and loses outputs. stack.test.ts and service-stack.test.ts check all of these in the
 * templates. The emulator runs no functions either, so a proxy in front of it runs the packaged `migrate`. For the
 * emulator, an import is a creation, and nothing remains of a removed stack. The proxy therefore lists the stream as
 * retained, and deletes it before it is imported.
 */
describe.skipIf(noMoto)('the stack in an emulator of AWS', () => {
  let copy: DeployableCopy;
  /** An archive that the first test builds, and the arguments with which the other tests deploy it. */
  let archive: string;
  let args: string[];
  let moto: MotoServer;
  let lambda: LambdaProxy;
  let databaseUrl: string;
  let env: Record<string, string>;
  let imports = 0;
  let secrets: SecretsManagerClient;
  const clients: { destroy(): void }[] = [];
  beforeAll(async () => {
    copy = await makeDeployableCopy();
    moto = await startMotoServer(copy.path);
    archive = join(copy.path, 'migrate.zip');
    args = [...ARGS, ...(await copy.withArchive(archive))];
    lambda = await startLambdaProxy(
      moto.endpoint,
      async (name) => join(copy.path, 'unpacked/functions', `${name.slice(STACK.length + 1)}.mjs`),
      answerForm,
    );
    databaseUrl = `${await createEmptyPostgresDatabase()}?sslmode=disable`;
    env = {
      AWS_ENDPOINT_URL: lambda.endpoint,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'deployer',
      AWS_SECRET_ACCESS_KEY: 'secret',
      DATABASE_URL: databaseUrl,
      // Milliseconds between the framework's polls of a stack. The default is five seconds.
      SLS_AWS_MONITORING_FREQUENCY: '100',
    };
    await useSecret();
  }, 60_000);
  afterAll(async () => {
    for (const client of clients) client.destroy();
    lambda.close();
    moto.close();
    await copy.remove();
  });

  /** Creates the secret of the keys, and uses it in the templates, because the emulator cannot create secrets from them. */
  async function useSecret(): Promise<void> {
    secrets = opened(new SecretsManagerClient({ ...settings(), endpoint: moto.endpoint }));
    const { ARN = '' } = await secrets.send(new CreateSecretCommand({ Name: SECRET }));
    for (const file of ['roles.yml', 'functions.yml'].map((name) =>
      join(copy.path, 'infra/stack/service', name),
    )) {
      await writeFile(file, (await readFile(file, 'utf8')).replaceAll('!Ref ServiceKeys', ARN));
    }
  }
  async function answerForm(form: URLSearchParams): Promise<string | undefined> {
    const action = form.get('Action');
    if (action === 'ExecuteChangeSet' && form.get('ChangeSetName') === 'import-retained') {
      imports += 1;
      const kinesis = opened(new KinesisClient({ ...settings(), endpoint: moto.endpoint }));
      await kinesis.send(new DeleteStreamCommand({ StreamName: 'cognito-sync-prod' }));
    }
    if (action === 'DeleteStack') await detachPolicies();
    return action === 'ListStackResources' && form.get('StackName')?.startsWith('arn:')
      ? RETAINED
      : undefined;
  }
  /** Detaches all managed policies. CloudFormation does this when it deletes them; the emulator cannot delete their roles. */
  async function detachPolicies(): Promise<void> {
    const iam = async (parameters: Record<string, string>) => {
      const scope = 'deployer/20260101/us-east-1/iam/aws4_request';
      const response = await fetch(moto.endpoint, {
        method: 'POST',
        headers: { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0` },
        body: new URLSearchParams({ ...parameters, Version: '2010-05-08' }),
      });
      return response.text();
    };
    const policies = await iam({ Action: 'ListPolicies', Scope: 'Local' });
    for (const [, PolicyArn = ''] of policies.matchAll(/<Arn>(.*?)<\/Arn>/g)) {
      const entities = await iam({ Action: 'ListEntitiesForPolicy', PolicyArn });
      for (const [, RoleName = ''] of entities.matchAll(/<RoleName>(.*?)<\/RoleName>/g))
        await iam({ Action: 'DetachRolePolicy', PolicyArn, RoleName });
    }
  }
  const settings = () => ({
    endpoint: env.AWS_ENDPOINT_URL ?? '',
    region: 'us-east-1',
    credentials: { accessKeyId: 'deployer', secretAccessKey: 'secret' },
    forcePathStyle: true,
    // Emulators do not support HTTP/2.
    requestHandler: new NodeHttpHandler(),
  });
  function opened<Client extends { destroy(): void }>(client: Client): Client {
    clients.push(client);
    return client;
  }
  /** Lists resources of Lambda. The emulator checks which service a request is signed for, but not the signature. */
  async function listed(path: string): Promise<Record<string, Record<string, unknown>[]>> {
    const scope = 'deployer/20260101/us-east-1/lambda/aws4_request';
    const authorization = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`;
    const response = await fetch(`${env.AWS_ENDPOINT_URL}/2015-03-31/${path}`, {
      headers: { authorization },
    });
    return JSON.parse(await response.text());
  }
  const functions = async () => (await listed('functions/')).Functions ?? [];

  it('is not created without a confirmation; the changes are shown with the account and the region', {
    timeout: 240_000,
  }, async () => {
    const asked = copy.deploy(ARGS, env);
    await expect(asked).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('pass --yes') });
    await expect(asked).rejects.toMatchObject({
      stderr: expect.stringMatching(
        /Stack cognito-sync-backend-prod in account \d{12}, region us-east-1:\n {2}Creates \d+ resources:\n(?: {4}.*\n)* {4}13 x AWS::Lambda::Function\n/,
      ),
    });
    expect(await functions()).toEqual([]);
    await unpackArchives(join(copy.path, '.serverless'), join(copy.path, 'unpacked'));
    await rename(join(copy.path, '.serverless/migrate.zip'), archive);
  });

  it('is created completely, but the deployment fails if the database does not respond', {
    timeout: 240_000,
  }, async () => {
    const unreachable = { ...env, DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/query?sslmode=disable' };
    const failed = copy.deploy([...args, '--yes'], unreachable);
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('the database query at 127.0.0.1:1 does not answer'),
      stderr: expect.stringContaining('the stack is deployed, but its database is not at the current schema'),
    });
    await expect(failed).rejects.not.toMatchObject({ stdout: expect.stringContaining('hunter2') });
    const deployed = await functions();
    expect(deployed.map(({ FunctionName }) => FunctionName).toSorted()).toEqual(FUNCTIONS);
    for (const { Role } of deployed) expect(Role).toMatch(/^arn:aws:iam::\d{12}:role\//);
    expect((await listed('event-source-mappings/')).EventSourceMappings).toEqual([
      expect.objectContaining({
        EventSourceArn: expect.stringMatching(/:stream\/cognito-sync-prod$/),
        FunctionArn: expect.stringMatching(new RegExp(`:${STACK}-project-stream$`)),
      }),
    ]);
  });

  it('is updated with other parameters, which add the poller, and its tables are created', {
    timeout: 240_000,
  }, async () => {
    const other = ['--param=tracing=on', '--param=bulkPublishPolicy=first'];
    const output = await copy.deploy([...args, ...other, '--yes'], env);
    expect(output).toContain(`deployed to stack ${STACK}`);
    expect(output).toMatch(
      /Changes \d+ resources:\n(?: {4}.*\n)* {4}ProjectDashstreamLambdaFunction: Environment, TracingConfig/,
    );
    expect(output).toContain('"0001-query-store.sql"');
    const database = openPg({ connectionString: databaseUrl });
    expect((await database.query('SELECT * FROM query.records')).rows).toEqual([]);
    const { SecretString } = await secrets.send(new GetSecretValueCommand({ SecretId: SECRET }));
    expect(readServiceKeysJson({ SERVICE_KEYS: SecretString })).toMatchObject({
      developers: [expect.any(Object)],
      tokenKeys: [expect.any(String)],
    });
    await database.close();
    const deployed = await functions();
    expect(deployed.map(({ FunctionName }) => FunctionName).toSorted()).toEqual(
      [...FUNCTIONS, POLLER].toSorted(),
    );
    const poller = deployed.find(({ FunctionName }) => FunctionName === POLLER);
    expect(poller?.Environment).toMatchObject({ Variables: { BULK_PUBLISH_POLICY: 'first' } });
  });

  it('is removed, except for the stream, the bucket of discarded records and the bucket of payloads', {
    timeout: 240_000,
  }, async () => {
    expect(await copy.serverless(['remove', ...args], env)).toContain('successfully removed');
    expect(await functions()).toEqual([]);
    const kinesis = opened(new KinesisClient(settings()));
    const summary = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: 'cognito-sync-prod' }));
    expect(summary.StreamDescriptionSummary?.StreamStatus).toBe('ACTIVE');
    const { Buckets = [] } = await opened(new S3Client(settings())).send(new ListBucketsCommand({}));
    expect(Buckets.map(({ Name }) => Name).toSorted()).toEqual([
      expect.stringMatching(/failuresbucket/),
      expect.stringMatching(/payloadbucket/),
    ]);
  });

  it('is created again after its removal, and imports the resources that still exist', {
    timeout: 240_000,
  }, async () => {
    const output = await copy.deploy([...args, '--yes'], env);
    expect(output).toContain('CognitoStream (AWS::Kinesis::Stream cognito-sync-prod)');
    expect(output, 'a bucket that was deleted since').not.toContain('deleted-since');
    expect(imports).toBe(1);
    expect(output).toContain(`deployed to stack ${STACK}`);
    expect((await functions()).map(({ FunctionName }) => FunctionName).toSorted()).toEqual(FUNCTIONS);
  });
});
