import { createServer, type Server } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createCognitoSyncClient } from '../../../lib/aws/cognito-sync-client.ts';
import { createSyncClient } from '../../../lib/aws/sync-client.ts';
import { SyncClientError } from '../../../lib/backfill/ports/sync-client.ts';
import { credentials, listen, region } from '../../fixtures/aws/kinesis-emulator.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

interface ScriptedResponse {
  status?: number;
  error?: string;
  body?: unknown;
}

/** Starts a service that returns these responses in order and repeats the last one. Records the requested URLs. */
async function script(...responses: ScriptedResponse[]) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const {
      status = 200,
      error,
      body = { message: `it said ${error}` },
    } = responses[Math.min(requests.length, responses.length - 1)] ?? {};
    requests.push(request.url ?? '');
    response.writeHead(status, {
      'content-type': 'application/json',
      ...(error !== undefined && { 'x-amzn-ErrorType': error }),
    });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  return { ...connect(await listen(server), server), requests };
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
  ])('%d %s has the condition %s', async (status, error, condition) => {
    const { api } = await script({ status, error });
    const thrown = await api.readPublishDetails(POOL).catch((reason: unknown) => reason);
    expect(thrown).toBeInstanceOf(SyncClientError);
    expect(thrown).toMatchObject({ condition, message: expect.stringContaining(error) });
  });

  it('never quotes a request whose signature was rejected, because it contains a session token', async () => {
    const { api } = await script({
      status: 403,
      error: 'InvalidSignatureException',
      body: { message: 'The Canonical String should have been x-amz-security-token:SECRET' },
    });
    const thrown = await api.listPools().catch((reason: unknown) => reason);
    expect(JSON.stringify([thrown, String(thrown)])).not.toContain('SECRET');
  });

  it('is thrown by every method', async () => {
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

describe('a service that cannot be called', () => {
  const unavailable = { condition: 'unavailable' };

  it('has the condition "unavailable" if no server listens', async () => {
    const server = createServer();
    const endpoint = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    await expect(connect(endpoint).api.listPools()).rejects.toMatchObject(unavailable);
  });

  it('has the condition "unavailable" if the response has another format', async () => {
    const { api } = await script({ body: '<html>' });
    await expect(api.readStreaming(POOL)).rejects.toMatchObject(unavailable);
    const half = await script({ body: { BulkPublishStatus: 'SUCCEEDED' } });
    await expect(half.api.readPublishDetails(POOL)).rejects.toMatchObject(unavailable);
    const records = await script({ body: { Records: [{ Key: 'score' }] } });
    const dataset = { identityPoolId: POOL, identityId: POOL, datasetName: 'game' };
    await expect(records.api.listRecords(dataset)).rejects.toMatchObject(unavailable);
  });

  it('has the condition "credentials" if no credentials are found', async () => {
    const client = createCognitoSyncClient({ region, endpoint: 'http://127.0.0.1:1' });
    client.config.credentials = () =>
      Promise.reject(Object.assign(new Error('none'), { name: 'CredentialsProviderError' }));
    await expect(createSyncClient(client).listPools()).rejects.toMatchObject({ condition: 'credentials' });
    client.destroy();
  });
});

describe('a listing', () => {
  it('contains the records of all pages, each requested with the session token of the first page', async () => {
    const record = (Key: string) => ({ Key, Value: 'v', SyncCount: 1, LastModifiedDate: NEW_YEAR / 1000 });
    const page = (key: string, members: object) => ({
      body: { Records: [record(key)], DatasetExists: true, DatasetSyncCount: 7, ...members },
    });
    const { api, requests } = await script(
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
    const queries = requests.map((url) => Object.fromEntries(new URL(url, 'http://host').searchParams));
    expect(queries).toEqual([
      { maxResults: '1024' },
      { maxResults: '1024', nextToken: 'page/2', syncSessionToken: 'first' },
      { maxResults: '1024', nextToken: 'page/3', syncSessionToken: 'first' },
    ]);
  });

  it('contains the datasets of all pages', async () => {
    const { api } = await script(
      { body: { Datasets: [{ DatasetName: 'a' }], NextToken: 'more' } },
      { body: { Datasets: [{ DatasetName: 'b' }], NextToken: null } },
    );
    expect(await api.listDatasets(POOL, POOL)).toEqual(['a', 'b']);
  });
});
