import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { ListBucketsCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPg } from '../../lib/database/drivers/pg/open-pg.ts';
import { type LambdaProxy, startLambdaProxy } from '../fixtures/aws/lambda-proxy.ts';
import { type MotoServer, noMoto, startMotoServer } from '../fixtures/aws/moto-server.ts';
import { createEmptyPostgresDatabase } from '../fixtures/database/databases.ts';
import { type DeployableCopy, makeDeployableCopy } from '../fixtures/stack/deployable-copy.ts';

if (noMoto)
  console.log('moto_server is not on the PATH: the test of deploying, updating and removing is skipped');

const STACK = 'cognito-sync-backend-prod';
const FUNCTIONS = ['migrate', 'poll-bulk-publish', 'project-stream', 'sweep-query-store', 'sync-trigger'].map(
  (name) => `${STACK}-${name}`,
);
const ARGS = ['--stage', 'prod', '--param=database=url'];

/**
 * Deploys the stack with a user's database to an emulator of AWS. The emulator cannot create Aurora DSQL clusters from
 * templates. It silently ignores alarms, bucket policies and settings of asynchronous invocations, and loses outputs.
 * stack.test.ts checks all of these in the templates. The emulator runs no functions either, so a proxy in front of it
 * runs the packaged `migrate`.
 */
describe.skipIf(noMoto)('the stack in an emulator of AWS', () => {
  let copy: DeployableCopy;
  let moto: MotoServer;
  let lambda: LambdaProxy;
  let databaseUrl: string;
  let env: Record<string, string>;
  const clients: { destroy(): void }[] = [];
  beforeAll(async () => {
    copy = await makeDeployableCopy();
    moto = await startMotoServer(copy.path);
    const directory = join(copy.path, '.serverless');
    lambda = await startLambdaProxy(moto.endpoint, async (name) => {
      const archive = join(directory, 'cognito-sync-backend.zip');
      await promisify(execFile)('unzip', ['-qo', archive, '-d', join(directory, 'unpacked')]);
      return join(directory, 'unpacked/functions', `${name.slice(STACK.length + 1)}.mjs`);
    });
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
  }, 60_000);
  afterAll(async () => {
    for (const client of clients) client.destroy();
    lambda.close();
    moto.close();
    await copy.remove();
  });

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

  it('is created completely, but the deployment fails if the database does not respond', {
    timeout: 120_000,
  }, async () => {
    const unreachable = { ...env, DATABASE_URL: 'postgres://user:hunter2@127.0.0.1:1/query?sslmode=disable' };
    const failed = copy.deploy(ARGS, unreachable);
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

  it('is updated with other parameters, and its tables are created', { timeout: 120_000 }, async () => {
    const other = ['--param=tracing=on', '--param=bulkPublishPolicy=first'];
    const output = await copy.deploy([...ARGS, ...other], env);
    expect(output).toContain(`deployed to stack ${STACK}`);
    expect(output).toContain('"0001-query-store.sql"');
    const database = openPg({ connectionString: databaseUrl });
    expect((await database.query('SELECT * FROM query.records')).rows).toEqual([]);
    await database.close();
    const deployed = await functions();
    expect(deployed.map(({ FunctionName }) => FunctionName).toSorted()).toEqual(FUNCTIONS);
    const poller = deployed.find(({ FunctionName }) => FunctionName === `${STACK}-poll-bulk-publish`);
    expect(poller?.Environment).toMatchObject({ Variables: { BULK_PUBLISH_POLICY: 'first' } });
  });

  it('is removed, except for the stream and the bucket of discarded records', {
    timeout: 120_000,
  }, async () => {
    expect(await copy.serverless(['remove', ...ARGS], env)).toContain('successfully removed');
    expect(await functions()).toEqual([]);
    const kinesis = opened(new KinesisClient(settings()));
    const summary = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: 'cognito-sync-prod' }));
    expect(summary.StreamDescriptionSummary?.StreamStatus).toBe('ACTIVE');
    const { Buckets = [] } = await opened(new S3Client(settings())).send(new ListBucketsCommand({}));
    expect(Buckets.map(({ Name }) => Name)).toEqual([expect.stringMatching(/failuresbucket/)]);
  });
});
