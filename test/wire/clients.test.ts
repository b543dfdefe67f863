import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import {
  CognitoSyncClient,
  DeleteDatasetCommand,
  DescribeDatasetCommand,
  InvalidParameterException,
  ListDatasetsCommand,
  ListRecordsCommand,
  ResourceConflictException,
  UpdateRecordsCommand,
} from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceRoute } from '../../infra/local/http/aws-routes.ts';
import { type HttpServer, startHttpServer } from '../../infra/local/http/http-server.ts';
import { ServiceError } from '../../lib/common/errors.ts';
import { createFindApi } from '../../lib/wire/service/find-api.ts';
import { DATASET, GAME, IDS, LISTED, PATCH, stubSyncApi } from '../fixtures/wire/stub-sync-api.ts';

const { recorded, guarded } = stubSyncApi();
let signed: HttpServer;

beforeAll(async () => {
  signed = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: [createServiceRoute(createFindApi({ syncApi: guarded }))],
  });
});
afterAll(() => signed.close());
beforeEach(() => recorded.clear());

/** Returns the input of the only call. */
function input(): unknown {
  expect(recorded.calls).toHaveLength(1);
  return recorded.calls[0]?.input;
}

describe('the AWS SDK', () => {
  let client: CognitoSyncClient;
  const connect = (secretAccessKey: string, region = 'us-east-1') =>
    new CognitoSyncClient({
      region,
      endpoint: `http://127.0.0.1:${signed.port}`,
      credentials: { accessKeyId: 'local', secretAccessKey },
    });
  beforeAll(() => {
    client = connect('local');
  });
  afterAll(() => client.destroy());

  const seen = {
    ...DATASET,
    CreationDate: new Date(1_700_000_000_000),
    LastModifiedDate: new Date(1_700_000_000_123),
  };

  it('sends all members of ListRecords, and reads the dates and flags of the response', async () => {
    const request = {
      ...GAME,
      LastSyncCount: 2,
      MaxResults: 10,
      SyncSessionToken: 'a+/=',
      NextToken: 'n&?',
    };
    const { $metadata, ...listed } = await client.send(new ListRecordsCommand(request));
    expect($metadata).toMatchObject({ httpStatusCode: 200, requestId: 'request-1' });
    expect(listed).toMatchObject({
      Records: [
        { Key: 'level', Value: '7 ü 😀', SyncCount: 3, DeviceLastModifiedDate: new Date(1) },
        { Key: 'gone', LastModifiedBy: 'device', LastModifiedDate: new Date(1_700_000_000_123) },
      ],
      DatasetSyncCount: LISTED.DatasetSyncCount,
      DatasetExists: true,
      DatasetDeletedAfterRequestedSyncCount: false,
      SyncSessionToken: 'token',
    });
    expect(input()).toEqual(request);
  });

  it('sends all members of UpdateRecords and of its patches', async () => {
    const RecordPatches = [
      {
        ...PATCH,
        Op: 'replace' as const,
        Value: '\u2028ü',
        DeviceLastModifiedDate: new Date(1_700_000_000_123),
      },
      { ...PATCH, Op: 'remove' as const },
    ];
    const request = { ...GAME, SyncSessionToken: 't', DeviceId: 'd', ClientContext: 'c', RecordPatches };
    const { Records } = await client.send(new UpdateRecordsCommand(request));
    expect(Records).toHaveLength(2);
    expect(input()).toEqual({
      ...request,
      RecordPatches: [
        { ...RecordPatches[0], DeviceLastModifiedDate: 1_700_000_000_123 },
        { ...RecordPatches[1], Value: undefined, DeviceLastModifiedDate: undefined },
      ],
    });
  });

  it('lists, describes and deletes datasets', async () => {
    expect(await client.send(new ListDatasetsCommand({ ...IDS, MaxResults: 64 }))).toMatchObject({
      Datasets: [seen],
      Count: 1,
      NextToken: 'next',
    });
    expect(await client.send(new DescribeDatasetCommand(GAME))).toMatchObject({ Dataset: seen });
    expect(await client.send(new DeleteDatasetCommand(GAME))).toMatchObject({ Dataset: seen });
    expect(recorded.calls.map(({ name, input }) => [name, input])).toEqual([
      ['ListDatasets', { ...IDS, NextToken: undefined, MaxResults: 64 }],
      ['DescribeDataset', GAME],
      ['DeleteDataset', GAME],
    ]);
  });

  it('throws an error of the class that the error code names', async () => {
    recorded.failWith(new ServiceError('ResourceConflictException', 'Current SyncCount for: k is: 1 not: 0'));
    const updated = client.send(new UpdateRecordsCommand({ ...GAME, SyncSessionToken: 't' }));
    await expect(updated).rejects.toBeInstanceOf(ResourceConflictException);
    await expect(updated).rejects.toMatchObject({ message: 'Current SyncCount for: k is: 1 not: 0' });
    const invalidName = client.send(new DescribeDatasetCommand({ ...GAME, DatasetName: 'a/b ä' }));
    await expect(invalidName).rejects.toBeInstanceOf(InvalidParameterException);
    await expect(invalidName).rejects.toThrow("Value 'a/b ä' at 'datasetName'");
  });

  it.each([
    ['InvalidSignatureException', 'wrong', 'us-east-1'],
    ['InvalidSignatureException', 'local', 'eu-west-1'],
  ])('receives %s if it signs with the secret %s for the region %s', async (name, secret, region) => {
    const unauthorized = connect(secret, region);
    await expect(unauthorized.send(new DescribeDatasetCommand(GAME))).rejects.toMatchObject({
      name,
      $metadata: { httpStatusCode: 403 },
    });
    unauthorized.destroy();
    expect(recorded.calls).toEqual([]);
  });
});

describe('a device whose clock is off', () => {
  it.each([
    [-16, 'Signature expired: '],
    [16, 'Signature not yet current: '],
  ])('by %i minutes receives an error with the server date', async (minutes, message) => {
    const device = new CognitoSyncClient({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${signed.port}`,
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
      systemClockOffset: minutes * 60_000,
      maxAttempts: 1,
    });
    const error: unknown = await device.send(new DescribeDatasetCommand(GAME)).catch((thrown) => thrown);
    device.destroy();
    expect(error).toMatchObject({
      name: 'InvalidSignatureException',
      message: expect.stringContaining(message),
      $response: { statusCode: 403, headers: { date: expect.stringMatching(/ GMT$/) } },
    });
    expect(recorded.calls).toEqual([]);
  });
});

const missing = whyNoCli();
if (missing) console.log(`skipped: the AWS CLI against the API (${missing})`);

function whyNoCli(): string | undefined {
  try {
    execFileSync('aws', ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `aws --version: ${error instanceof Error ? error.message.split('\n')[0] : error}`;
  }
}

describe.skipIf(missing)('the AWS CLI', () => {
  async function cli(secret: string, ...args: string[]): Promise<string> {
    const endpoint = ['--endpoint-url', `http://127.0.0.1:${signed.port}`, '--output', 'json'];
    const ids = ['--identity-pool-id', IDS.IdentityPoolId, '--identity-id', IDS.IdentityId];
    const { stdout } = await promisify(execFile)('aws', ['cognito-sync', ...args, ...ids, ...endpoint], {
      env: {
        PATH: process.env.PATH,
        HOME: '/nonexistent',
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: secret,
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_MAX_ATTEMPTS: '1',
      },
    });
    return stdout;
  }

  it('lists records', async () => {
    const listed = JSON.parse(
      await cli('local', 'list-records', '--dataset-name', 'game', '--last-sync-count', '2'),
    );
    expect(listed).toMatchObject({ DatasetExists: true, DatasetSyncCount: 3, SyncSessionToken: 'token' });
    expect(input()).toMatchObject({ ...GAME, LastSyncCount: 2 });
  });

  it('updates records', async () => {
    // Whole seconds, because older releases of the AWS CLI send no fraction.
    const patches = JSON.stringify([
      { ...PATCH, Value: 'ü', DeviceLastModifiedDate: '2023-11-14T22:13:20Z' },
    ]);
    const arguments_ = ['--dataset-name', 'game', '--sync-session-token', 't', '--record-patches', patches];
    await cli('local', 'update-records', ...arguments_);
    expect(input()).toMatchObject({
      RecordPatches: [{ ...PATCH, Value: 'ü', DeviceLastModifiedDate: 1_700_000_000_000 }],
    });
  });

  it('reports errors', async () => {
    recorded.failWith(new ServiceError('ResourceConflictException', 'Current SyncCount for: k is: 1 not: 0'));
    const conflict = cli('local', 'describe-dataset', '--dataset-name', 'game');
    await expect(conflict).rejects.toThrow(
      /\(ResourceConflictException\).*Current SyncCount for: k is: 1 not: 0/,
    );
    const unauthorized = cli('wrong', 'list-datasets');
    await expect(unauthorized).rejects.toThrow(/\(InvalidSignatureException\)/);
  });
});
