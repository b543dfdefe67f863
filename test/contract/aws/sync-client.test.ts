import { createServer, type Server } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { createSyncClient } from '../../../lib/aws/sync-client.ts';
import { SyncClientError } from '../../../lib/backfill/sync-client.ts';
import { credentials, listen, region } from '../../fixtures/aws/kinesis-emulator.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

interface Answer {
  status?: number;
  error?: string;
  body?: unknown;
}

/** A service that answers as written down, in order, the last answer again and again; and what it was asked. */
async function script(...answers: Answer[]) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const {
      status = 200,
      error,
      body = { message: `it said ${error}` },
    } = answers[Math.min(asked.length, answers.length - 1)] ?? {};
    asked.push(request.url ?? '');
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(error !== undefined && { 'x-amzn-ErrorType': error }),
    });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  return { ...connect(await listen(server), server), asked };
}

function connect(endpoint: string, server?: Server) {
  const client = createCognitoSyncClient({ region, endpoint, credentials });
  onTestFinished(() => {
    client.destroy();
    server?.close();
  });
  return { api: createSyncClient(client) };
}

describe('an error of the service', () => {
  it.each([
    [404, 'ResourceNotFoundException', 'not-found'],
    [403, 'NotAuthorizedException', 'not-authorized'],
    [403, 'AccessDeniedException', 'not-authorized'],
    [403, 'ExpiredTokenException', 'credentials'],
    [403, 'UnrecognizedClientException', 'credentials'],
    [403, 'MissingAuthenticationTokenException', 'credentials'],
    [403, 'InvalidSignatureException', 'credentials'],
    [429, 'TooManyRequestsException', 'throttled'],
    [400, 'ThrottlingException', 'throttled'],
    [429, 'SomethingNewException', 'throttled'],
    [500, 'InternalErrorException', 'unavailable'],
    [503, 'SomethingNewException', 'unavailable'],
    [400, 'InvalidParameterException', 'refused'],
    [400, 'SomethingNewException', 'refused'],
  ])('%d %s is %s', async (status, error, condition) => {
    const { api } = await script({ status, error });
    const thrown = await api.readPublishDetails(POOL).catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(SyncClientError);
    expect(thrown).toMatchObject({ condition, message: expect.stringContaining(error) });
  });

  it('says nothing of a request whose signature was refused, which holds a session token', async () => {
    const { api } = await script({
      status: 403,
      error: 'InvalidSignatureException',
      body: { message: 'The Canonical String should have been x-amz-security-token:SECRET' },
    });
    const thrown = await api.listPools().catch((reason: unknown) => reason);
    expect(JSON.stringify([thrown, String(thrown)])).not.toContain('SECRET');
  });

  it('is told by every method', async () => {
    const { api } = await script({ status: 400, error: 'InvalidParameterException' });
    const refused = { name: 'SyncApiError', condition: 'refused' };
    const dataset = { identityPoolId: POOL, identityId: POOL, datasetName: 'game' };
    await expect(api.listPools()).rejects.toMatchObject(refused);
    await expect(api.readStreaming(POOL)).rejects.toMatchObject(refused);
    await expect(api.startPublish(POOL)).rejects.toMatchObject(refused);
    await expect(api.listDatasets(POOL, POOL)).rejects.toMatchObject(refused);
    await expect(api.listRecords(dataset)).rejects.toMatchObject(refused);
  });
});

describe('a service that cannot be asked', () => {
  const unavailable = { condition: 'unavailable' };

  it('is unavailable where nothing listens', async () => {
    const server = createServer();
    const endpoint = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    await expect(connect(endpoint).api.listPools()).rejects.toMatchObject(unavailable);
  });

  it('is unavailable where something else answers', async () => {
    const { api } = await script({ body: '<html>' });
    await expect(api.readStreaming(POOL)).rejects.toMatchObject(unavailable);
    const half = await script({ body: { BulkPublishStatus: 'SUCCEEDED' } });
    await expect(half.api.readPublishDetails(POOL)).rejects.toMatchObject(unavailable);
    const records = await script({ body: { Records: [{ Key: 'score' }] } });
    const dataset = { identityPoolId: POOL, identityId: POOL, datasetName: 'game' };
    await expect(records.api.listRecords(dataset)).rejects.toMatchObject(unavailable);
  });

  it('is one without credentials where none are to be found', async () => {
    const client = createCognitoSyncClient({ region, endpoint: 'http://127.0.0.1:1' });
    client.config.credentials = () =>
      Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' }));
    await expect(createSyncClient(client).listPools()).rejects.toMatchObject({ condition: 'credentials' });
    client.destroy();
  });
});

describe('what the service lists', () => {
  it('has the records of all pages, each asked for with the token of the first', async () => {
    const record = (Key: string) => ({ Key, Value: 'v', SyncCount: 1, LastModifiedDate: NEW_YEAR / 1000 });
    const page = (key: string, members: object) => ({
      body: { Records: [record(key)], DatasetExists: true, DatasetSyncCount: 7, ...members },
    });
    const { api, asked } = await script(
      page('a', { NextToken: 'page/2', SyncSessionToken: 'first' }),
      page('b', { NextToken: 'page/3', SyncSessionToken: 'second', DatasetSyncCount: 8 }),
      page('c', { SyncSessionToken: 'third' }),
    );
    const dataset = { identityPoolId: POOL, identityId: POOL, datasetName: 'game' };
    const listed = await api.listRecords(dataset);
    expect(listed).toMatchObject({ exists: true, syncCount: 7 });
    expect(listed.records.map(({ key, lastModifiedDate }) => [key, lastModifiedDate])).toEqual([
      ['a', NEW_YEAR],
      ['b', NEW_YEAR],
      ['c', NEW_YEAR],
    ]);
    const queries = asked.map((url) => Object.fromEntries(new URL(url, 'http://host').searchParams));
    expect(queries).toEqual([
      { maxResults: '1024' },
      { maxResults: '1024', nextToken: 'page/2', syncSessionToken: 'first' },
      { maxResults: '1024', nextToken: 'page/3', syncSessionToken: 'first' },
    ]);
  });

  it('has the datasets of all pages', async () => {
    const { api } = await script(
      { body: { Datasets: [{ DatasetName: 'a' }], NextToken: 'more' } },
      { body: { Datasets: [{ DatasetName: 'b' }], NextToken: null } },
    );
    expect(await api.listDatasets(POOL, POOL)).toEqual(['a', 'b']);
  });
});
