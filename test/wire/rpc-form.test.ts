import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceRoute } from '../../infra/local/http/aws-routes.ts';
import { type HttpServer, startHttpServer } from '../../infra/local/http/http-server.ts';
import { ServiceError } from '../../lib/common/errors.ts';
import { API_OPERATIONS, type ApiOperation } from '../../lib/wire/api-model.ts';
import { createFindApi } from '../../lib/wire/service/find-api.ts';
import { credentialsOf } from '../fixtures/identity/identity-credentials.ts';
import { type RawAnswer, sendRaw } from '../fixtures/wire/raw-http.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';
import { askSigned } from '../fixtures/wire/signing.ts';
import { GAME, PATCH, stubSyncApi } from '../fixtures/wire/stub-sync-api.ts';
import { list, newIdentity, set, write } from '../fixtures/wire/sync-client.ts';

const MODEL = 'com.amazonaws.cognito.sync.model';
const { cloud, client } = await openSharedCloud();
const { recorded, logged, trusting } = stubSyncApi();
let server: HttpServer;

beforeAll(async () => {
  server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: [createServiceRoute(createFindApi({ syncApi: trusting }))],
  });
});
afterAll(() => server.close());
beforeEach(() => {
  recorded.clear();
  logged.length = 0;
});

/** Returns the headers that the samples in the API reference have. */
const targetOf = (operation: string) => ({
  'X-Amz-Target': `${MODEL}.AWSCognitoSyncService.${operation}`,
  'Content-Type': 'application/json',
});
const envelopeOf = (operation: string, Input?: unknown) => ({
  Operation: `${MODEL}#${operation}`,
  Service: `${MODEL}#AWSCognitoSyncService`,
  Input,
});
const call = (operation: string, body: unknown, headers: Record<string, string> = targetOf(operation)) =>
  sendRaw(server.port, 'POST', '/', headers, typeof body === 'string' ? body : JSON.stringify(body));

const VALUES: Record<string, unknown> = {
  ...GAME,
  DeviceId: 'device',
  SyncSessionToken: 'token',
  RecordPatches: [{ ...PATCH, Value: '7 ü 😀', DeviceLastModifiedDate: 1_700_000_000.123 }],
  Platform: 'GCM',
  Token: 'push-token',
  Events: { SyncTrigger: '' },
  LastSyncCount: 2,
  MaxResults: 3,
};

/** Returns an input for the RPC form, and the request with the same input in the REST form. */
function sampleOf({ method, path, input }: ApiOperation) {
  const members = input.members.filter(({ name }) => Object.hasOwn(VALUES, name));
  const valuesIn = (place: string) => members.filter(({ binding }) => binding.in === place);
  const query = valuesIn('query').map(
    ({ name, binding }) =>
      `${'name' in binding ? binding.name : ''}=${encodeURIComponent(String(VALUES[name]))}`,
  );
  const parts = path.map((part) =>
    'word' in part ? part.word : encodeURIComponent(String(VALUES[part.label])),
  );
  const entries = (chosen: typeof members) =>
    Object.fromEntries(chosen.map(({ name }) => [name, VALUES[name]]));
  const body = JSON.stringify(entries(valuesIn('body')));
  const target = `/${parts.join('/')}${query.length > 0 ? `?${query.join('&')}` : ''}`;
  return {
    input: entries(members),
    sendRest: () => sendRaw(server.port, method, target, {}, method === 'POST' ? body : ''),
  };
}

/** Expects an error of the API, with the same code in header and body. Expects that no operation was called. */
function expectError(response: RawAnswer, status: number, code: string, message: unknown): void {
  expect(response).toMatchObject({
    status,
    headerLines: expect.arrayContaining([`x-amzn-ErrorType: ${code}:`]),
  });
  expect(JSON.parse(response.body)).toEqual({ __type: code, message });
  expect(recorded.calls).toEqual([]);
}

describe('the RPC form', () => {
  it.each(API_OPERATIONS.map((operation) => [operation.name, operation] as const))(
    'of %s has the same input and output as the REST form, plain or in an envelope',
    async (name, operation) => {
      const { input, sendRest } = sampleOf(operation);
      const rest = await sendRest();
      const plain = await call(name, input);
      const enveloped = await call(name, envelopeOf(name, input));
      expect([rest.status, plain.status, enveloped.status]).toEqual([200, 200, 200]);
      expect(plain.body).toBe(rest.body);
      const output = { __type: `${MODEL}#${name}Response`, ...JSON.parse(rest.body) };
      expect(JSON.parse(enveloped.body)).toEqual({ Output: output, Version: '1.0' });
      expect(enveloped.headerLines).toContain('Content-Type: application/json');
      const [first] = recorded.calls;
      expect(first?.name).toBe(name);
      expect(recorded.calls).toEqual([first, first, first]);
    },
  );

  it('accepts the target and the operation name without the namespace', async () => {
    const headers = { 'X-Amz-Target': 'AWSCognitoSyncService.DescribeDataset' };
    expect((await call('DescribeDataset', GAME, headers)).status).toBe(200);
    const envelope = { ...envelopeOf('DescribeDataset', GAME), Operation: 'DescribeDataset' };
    expect((await call('DescribeDataset', envelope)).status).toBe(200);
    expect(recorded.calls.map(({ name, input }) => [name, input])).toEqual([
      ['DescribeDataset', GAME],
      ['DescribeDataset', GAME],
    ]);
  });

  it('accepts numbers as text, which the samples in the API reference use', async () => {
    const input = { ...GAME, MaxResults: '3', LastSyncCount: '0' };
    expect((await call('ListRecords', envelopeOf('ListRecords', input))).status).toBe(200);
    expect(recorded.calls).toMatchObject([{ input: { ...GAME, MaxResults: 3, LastSyncCount: 0 } }]);
  });

  it.each([
    ['an empty body', ''],
    ['an empty object', {}],
    ['an envelope without Input', envelopeOf('ListIdentityPoolUsage')],
    ['an envelope whose Input is null', envelopeOf('ListIdentityPoolUsage', null)],
  ])('accepts %s if no member is required', async (_, body) => {
    expect((await call('ListIdentityPoolUsage', body)).status).toBe(200);
  });

  it.each([
    ['no pool', { ...GAME, IdentityPoolId: undefined }, 'identityPoolId', 'Member must not be null'],
    ['an invalid name', { ...GAME, DatasetName: '..' }, 'datasetName', 'Member must satisfy'],
    ['a number as a name', { ...GAME, DatasetName: 7 }, 'datasetName', 'Member must be a string'],
    ['text as a number', { ...GAME, MaxResults: '3x' }, 'maxResults', 'Member must be an integer'],
    ['too high a number', { ...GAME, MaxResults: '1025' }, 'maxResults', 'Member must have value less'],
  ])('rejects %s, and the error names the member', async (_, input, at, must) => {
    const message = expect.stringMatching(
      new RegExp(`^1 validation error detected: .*at '${at}' failed to satisfy constraint: ${must}`),
    );
    expectError(await call('ListRecords', input), 400, 'InvalidParameterException', message);
    const enveloped = await call('ListRecords', envelopeOf('ListRecords', input));
    expectError(enveloped, 400, 'InvalidParameterException', message);
  });

  it.each([
    ['text', '[]', 'the body is not a JSON object'],
    [
      'an Input that is not an object',
      envelopeOf('ListRecords', []),
      "The field 'Input' of the body is not a JSON object",
    ],
    [
      'the Operation of another target',
      envelopeOf('DeleteDataset', GAME),
      "The field 'Operation' of the body does not match X-Amz-Target, which names ListRecords",
    ],
  ])('rejects %s', async (_, body, message) => {
    expectError(await call('ListRecords', body), 400, 'SerializationException', message);
  });

  it.each(['Nope', '', 'listRecords', 'constructor', '__proto__', 'ListRecords.ListRecords'])(
    'answers 404 with an error code in header and body for the operation "%s"',
    async (operation) => {
      const response = await call(operation, envelopeOf(operation, GAME));
      expectError(response, 404, 'UnknownOperationException', 'the API has no such operation');
    },
  );

  it.each<[string, Record<string, string>, string]>([
    ['an unknown target', { 'X-Amz-Target': `${MODEL}.AWSOtherService.ListRecords` }, '/'],
    [
      'the namespace of Cognito Identity',
      { 'X-Amz-Target': 'com.amazonaws.cognito.identity.model.AWSCognitoSyncService.ListRecords' },
      '/',
    ],
    ['no target', {}, '/'],
    ['another path', targetOf('ListRecords'), '/other'],
  ])('answers 404 with an error code in header and body for %s', async (_, headers, path) => {
    const url = new URL(path, `http://127.0.0.1:${server.port}`);
    const response = await fetch(url, { method: 'POST', headers, body: '{}' });
    expect([response.status, response.headers.get('x-amzn-ErrorType')]).toEqual([
      404,
      'UnknownOperationException:',
    ]);
    expect(await response.json()).toEqual({
      __type: 'UnknownOperationException',
      message: expect.stringMatching(/^no service has this path/),
    });
  });

  it.each([
    ['ResourceNotFoundException', 404],
    ['ResourceConflictException', 409],
  ] as const)('has the error code and status of the REST form: %s', async (code, status) => {
    recorded.failWith(new ServiceError(code, 'a message'));
    const response = await call('DeleteDataset', envelopeOf('DeleteDataset', GAME));
    recorded.calls.length = 0;
    expectError(response, status, code, 'a message');
    expect(logged).toEqual([]);
  });

  it('names the operation in the log of an internal error', async () => {
    recorded.failWith(new Error('broken'));
    expect((await call('ListRecords', GAME)).status).toBe(500);
    expect(logged).toMatchObject([{ details: { operation: 'ListRecords' } }]);
  });
});

describe('the local cloud', () => {
  const send = async (operation: string, input: object, options: Parameters<typeof askSigned>[3] = {}) => {
    const body = JSON.stringify(envelopeOf(operation, input));
    const response = await askSigned(cloud.url, 'POST', '/', {
      headers: targetOf(operation),
      body,
      ...options,
    });
    return { status: response.status, body: Object(await response.json()) };
  };

  it('updates and lists records in the RPC form for the identity that signs the requests', async () => {
    const identity = newIdentity();
    const credentials = await credentialsOf(cloud, identity);
    const game = { ...identity, DatasetName: 'game' };
    const { body } = await send('ListRecords', game, { credentials });
    expect(body.Output).toMatchObject({ DatasetExists: false, DatasetSyncCount: 0, Records: [] });
    const { SyncSessionToken } = body.Output;
    const updated = await send(
      'UpdateRecords',
      { ...game, SyncSessionToken, RecordPatches: [set('level', '7')] },
      { credentials },
    );
    expect(updated).toMatchObject({ status: 200, body: { Output: { Records: [{ SyncCount: 1 }] } } });
    expect((await list(client, identity, 'game')).Records).toMatchObject([{ Key: 'level', Value: '7' }]);
    const other = await send('ListRecords', { ...newIdentity(), DatasetName: 'game' }, { credentials });
    expect(other).toMatchObject({ status: 403, body: { __type: 'NotAuthorizedException' } });
  });

  it('returns all records of a listing that is sent in parts, even in an envelope', {
    timeout: 60_000,
  }, async () => {
    const identity = newIdentity();
    const keys = Array.from({ length: 1_000 }, (_, index) => `first ${index}`);
    const { Records: first = [] } = await write(
      client,
      identity,
      'game',
      keys.map((key) => set(key, 'x')),
    );
    const removals = first.map(({ Key, SyncCount }) => ({ Key, Op: 'remove' as const, SyncCount }));
    await write(client, identity, 'game', removals);
    await write(
      client,
      identity,
      'game',
      Array.from({ length: 1_000 }, (_, index) => set(`second ${index}`, 'x')),
    );
    const { Records: expected = [] } = await list(client, identity, 'game');
    expect(expected).toHaveLength(2_000);
    const { body } = await send('ListRecords', { ...identity, DatasetName: 'game' });
    const { Output, Version } = body;
    expect(Version).toBe('1.0');
    expect(Output.__type).toBe(`${MODEL}#ListRecordsResponse`);
    expect(Output.Count).toBe(2_000);
    expect(Output.Records.map(({ Key }: { Key: string }) => Key)).toEqual(expected.map(({ Key }) => Key));
  });

  it('rejects the RPC form without a valid signature for cognito-sync', async () => {
    const identity = newIdentity();
    await write(client, identity, 'game', [set('level', '7')]);
    const game = { ...identity, DatasetName: 'game' };
    const credentials = { accessKeyId: 'local', secretAccessKey: 'guess' };
    expect(await send('DeleteDataset', game, { credentials })).toMatchObject({
      status: 403,
      body: { __type: 'InvalidSignatureException' },
    });
    const unsigned = await fetch(cloud.url, {
      method: 'POST',
      headers: targetOf('DeleteDataset'),
      body: JSON.stringify(game),
    });
    expect(unsigned.status).toBe(403);
    expect(await list(client, identity, 'game')).toMatchObject({ DatasetExists: true });
  });
});
