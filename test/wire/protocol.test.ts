import * as cognitoSync from '@aws-sdk/client-cognito-sync';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceRoute } from '../../infra/local/http/aws-routes.ts';
import { createHealthRoute } from '../../infra/local/http/health.ts';
import { type HttpServer, startHttpServer } from '../../infra/local/http/http-server.ts';
import { createProjectionTotals } from '../../infra/local/projection-totals.ts';
import { ServiceError, type ServiceErrorCode, ValueRefusedError } from '../../lib/common/errors.ts';
import { DatabaseError } from '../../lib/database/database.ts';
import { API_OPERATIONS } from '../../lib/wire/api-model.ts';
import { createFindApi } from '../../lib/wire/service/find-api.ts';
import { openRaw, type RawAnswer, sendRaw } from '../fixtures/wire/raw-http.ts';
import { GAME, PATCH, stubSyncApi } from '../fixtures/wire/stub-sync-api.ts';

const POOL = '/identitypools/us-east-1%3A0000';
const IDENTITY = `${POOL}/identities/us-east-1%3A0001`;
const DATASET_PATH = `${IDENTITY}/datasets/game`;

const { recorded, logged, trusting, guarded } = stubSyncApi();

let open: HttpServer;
let signed: HttpServer;

beforeAll(async () => {
  const health = createHealthRoute(() => ({
    isStopping: false,
    database: 'embedded',
    writes: { lastError: null },
    logins: { mode: 'verified', keySets: [] },
    projection: createProjectionTotals().totals(),
    mappings: [],
    schedules: [],
  }));
  open = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: [health, createServiceRoute(createFindApi({ syncApi: trusting }))],
  });
  signed = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: [createServiceRoute(createFindApi({ syncApi: guarded }))],
  });
});
afterAll(async () => {
  await open.close();
  await signed.close();
});
beforeEach(() => {
  recorded.clear();
  logged.length = 0;
});

const get = (target: string, headers = {}) => sendRaw(open.port, 'GET', target, headers);
const update = (body: unknown, headers = {}) =>
  sendRaw(
    open.port,
    'POST',
    DATASET_PATH,
    headers,
    typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  );

/** Expects exactly one call of an operation, and returns its input. */
function input(): unknown {
  expect(recorded.calls).toHaveLength(1);
  return recorded.calls[0]?.input;
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

function expectInvalid(response: RawAnswer, at: string, must: string): void {
  const message = expect.stringMatching(
    new RegExp(`^\\d+ validation errors? detected: .*at '${at}' failed to satisfy constraint: ${must}`, 's'),
  );
  expectError(response, 400, 'InvalidParameterException', message);
}

describe('the API model', () => {
  const schemas: unknown[] = Object.values(cognitoSync);
  const shipped = schemas.filter((value) => Array.isArray(value) && value[0] === 9);

  it('has exactly the operations of the SDK', () => {
    expect(shipped).toHaveLength(17);
    expect(API_OPERATIONS.map(({ name }) => name)).toEqual(
      shipped.map((schema) => Reflect.get(Object(schema), 2)),
    );
  });

  it.each<ServiceErrorCode>([
    'ConcurrentModificationException',
    'InternalErrorException',
    'InvalidParameterException',
    'LimitExceededException',
    'NotAuthorizedException',
    'ResourceConflictException',
    'ResourceNotFoundException',
    'TooManyRequestsException',
  ])('gives %s the status that the SDK expects', (code) => {
    const schema = schemas.find((value) => Array.isArray(value) && value[0] === -3 && value[2] === code);
    expect(schema).toMatchObject({ 3: { httpError: new ServiceError(code, '').status } });
  });
});

describe('a response', () => {
  it('keeps the header case that old clients expect', async () => {
    const { status, headerLines } = await get(DATASET_PATH);
    expect(status).toBe(200);
    expect(headerLines).toEqual(
      expect.arrayContaining([
        'x-amzn-RequestId: request-1',
        'Content-Type: application/json',
        'Access-Control-Allow-Origin: *',
        'Access-Control-Expose-Headers: x-amzn-RequestId,x-amzn-ErrorType,Date',
        expect.stringMatching(/^Date: /),
        expect.stringMatching(/^Content-Length: \d+$/),
      ]),
    );
  });

  it('has dates in seconds with a fraction, and null for members that are not set', async () => {
    expect((await get(`${DATASET_PATH}/records`)).body).toBe(
      '{"Records":[' +
        '{"Key":"level","Value":"7 ü 😀","SyncCount":3,"LastModifiedDate":1700000000.123,"LastModifiedBy":null,"DeviceLastModifiedDate":0.001},' +
        '{"Key":"gone","Value":null,"SyncCount":2,"LastModifiedDate":1700000000.123,"LastModifiedBy":"device","DeviceLastModifiedDate":null}],' +
        '"NextToken":null,"Count":2,"DatasetSyncCount":3,"LastModifiedBy":null,"MergedDatasetNames":null,' +
        '"DatasetExists":true,"DatasetDeletedAfterRequestedSyncCount":false,"SyncSessionToken":"token"}',
    );
  });

  it.each<[ServiceErrorCode, number]>([
    ['ResourceConflictException', 409],
    ['ResourceNotFoundException', 404],
    ['NotAuthorizedException', 403],
    ['TooManyRequestsException', 429],
  ])('has the code, status and message of the error that an operation throws: %s', async (code, status) => {
    recorded.failWith(new ServiceError(code, 'Current SyncCount for: user is: 1 not: 0'));
    const response = await get(DATASET_PATH);
    recorded.calls.length = 0;
    expectError(response, status, code, 'Current SyncCount for: user is: 1 not: 0');
    expect(response.headerLines).toContain('x-amzn-RequestId: request-1');
    expect(logged).toEqual([]);
  });

  it.each([new Error('password=secret'), 'a text', undefined])(
    'hides the cause of an internal error, which is logged: %s',
    async (error) => {
      recorded.failWith(error);
      const response = await get(`${DATASET_PATH}?private=1`);
      recorded.calls.length = 0;
      expectError(response, 500, 'InternalErrorException', 'internal error');
      expect(logged).toEqual([
        {
          message: 'a request failed',
          details: { requestId: 'request-1', operation: 'DescribeDataset', error },
        },
      ]);
    },
  );

  it('is an error of the caller if the database cannot store a value', async () => {
    recorded.failWith(new ValueRefusedError('the database refused a value (SQLSTATE 22001)'));
    const response = await get(DATASET_PATH);
    recorded.calls.length = 0;
    expectError(response, 400, 'InvalidParameterException', 'a value cannot be stored');
  });

  it.each([
    ['too many statements wait', '53400'],
    ['a lock or a connection was not free in time', '55P03'],
    ['the server has no free connection', '53300'],
  ])('asks the caller to retry if %s', async (_, code) => {
    recorded.failWith(new DatabaseError('busy', code));
    const response = await get(DATASET_PATH);
    recorded.calls.length = 0;
    expectError(response, 429, 'TooManyRequestsException', 'the service is busy; retry after 1 s');
    expect(response.headerLines).toContain('Retry-After: 1');
    expect(logged.splice(0)).toHaveLength(1);
  });
});

describe('a path', () => {
  it.each([DATASET_PATH, DATASET_PATH.replaceAll('%3A', ':'), DATASET_PATH.replaceAll('%3A', '%3a')])(
    'is decoded: %s',
    async (target) => {
      expect((await get(target)).status).toBe(200);
      expect(recorded.calls).toEqual([
        {
          name: 'DescribeDataset',
          input: GAME,
          caller: { kind: 'developer', accountId: '000000000000' },
        },
      ]);
    },
  );

  it.each<[string, string]>([
    [`${IDENTITY}/datasets/a%2Fb`, 'datasetName'],
    [`${IDENTITY}/datasets/game%2Frecords`, 'datasetName'],
    [`${IDENTITY}/datasets/..`, 'datasetName'],
    [`${IDENTITY}/datasets/%2e%2e`, 'datasetName'],
    [`${IDENTITY}/datasets/.`, 'datasetName'],
    [`${IDENTITY}/datasets/%252e%252e`, 'datasetName'],
    [`${IDENTITY}/datasets/game%2520`, 'datasetName'],
    [`${IDENTITY}/datasets/game%00`, 'datasetName'],
    [`${IDENTITY}/datasets/game%0A`, 'datasetName'],
    [`${IDENTITY}/datasets/%zz`, 'datasetName'],
    [`${IDENTITY}/datasets/%ff`, 'datasetName'],
    [`${IDENTITY}/datasets/a+b`, 'datasetName'],
    [`${IDENTITY}/datasets/${'x'.repeat(129)}`, 'datasetName'],
    [`${IDENTITY}/datasets/`, 'datasetName'],
    [`${POOL}/identities//datasets/game`, 'identityId'],
    [`${POOL}/identities/../datasets/game`, 'identityId'],
    [`${POOL}/identities/us-east-1%253A0001/datasets/game`, 'identityId'],
    [`${POOL}/identities/us-east-1%3A0001%2Fdatasets/datasets/game`, 'identityId'],
    ['/identitypools/../identities/us-east-1%3A0001/datasets/game', 'identityPoolId'],
    ['/identitypools/%2e%2e/identities/us-east-1%3A0001/datasets/game', 'identityPoolId'],
  ])('is rejected, not normalized: %s', async (target, member) => {
    expectInvalid(await get(target), member, 'Member must ');
  });

  it.each([
    ['GET', '/identitypools/'.repeat(3)],
    ['GET', `${DATASET_PATH}/`],
    ['GET', `${DATASET_PATH}/records/`],
    ['GET', `${DATASET_PATH}/records/../records`],
    ['GET', `${DATASET_PATH}/%72ecords`],
    ['GET', `${DATASET_PATH}/Records`],
    ['GET', `${POOL}//identities/us-east-1%3A0001`],
    ['PUT', DATASET_PATH],
    ['HEAD', DATASET_PATH],
    ['PATCH', DATASET_PATH],
    ['DELETE', IDENTITY],
    ['GET', `${POOL}/bulkpublish`],
    ['POST', '/identitypools?x=/identities'],
  ])('is rejected if the API does not have it: %s %s', async (method, target) => {
    const response = await sendRaw(open.port, method, target);
    expect(response).toMatchObject({
      status: 404,
      headerLines: expect.arrayContaining(['x-amzn-ErrorType: UnknownOperationException:']),
    });
    expect(recorded.calls).toEqual([]);
  });

  it.each(['/identitypoolsX', '//identitypools', '/%69dentitypools', `http://127.0.0.1${DATASET_PATH}`])(
    'is left to other services unless it starts with /identitypools/: %s',
    async (target) => {
      expect(await get(target)).toMatchObject({
        status: 404,
        body: expect.stringContaining('no service has this path'),
      });
    },
  );
});

describe('a query', () => {
  const EMPTY = {
    LastSyncCount: undefined,
    NextToken: undefined,
    MaxResults: undefined,
    SyncSessionToken: undefined,
  };

  it.each<[string, object]>([
    ['', {}],
    ['?', {}],
    ['?&&', {}],
    ['?lastSyncCount=0&maxResults=1024', { LastSyncCount: 0, MaxResults: 1024 }],
    ['?lastSyncCount=-0&maxResults=0064', { LastSyncCount: 0, MaxResults: 64 }],
    ['?syncSessionToken=a%2Bb%2F%3D%20c&nextToken=', { SyncSessionToken: 'a+b/= c', NextToken: '' }],
    ['?syncSessionToken=a+b/==', { SyncSessionToken: 'a+b/==' }],
    ['?sync%53essionToken=%25', { SyncSessionToken: '%' }],
    ['?LastSyncCount=7&__proto__=x&%zz=1&identityId=other', {}],
  ])('is decoded: %s', async (query, expected) => {
    expect((await get(`${DATASET_PATH}/records${query}`)).status).toBe(200);
    expect(input()).toEqual({ ...GAME, ...EMPTY, ...expected });
  });

  it.each<[string, string, string]>([
    ['lastSyncCount=-1', 'lastSyncCount', 'Member must have value greater than or equal to 0'],
    ['lastSyncCount=9223372036854775807', 'lastSyncCount', 'Member must have value less than or equal to'],
    [`lastSyncCount=${'9'.repeat(400)}`, 'lastSyncCount', 'Member must be an integer'],
    ['lastSyncCount=', 'lastSyncCount', 'Member must be an integer'],
    ['lastSyncCount', 'lastSyncCount', 'Member must be an integer'],
    ['lastSyncCount=1.5', 'lastSyncCount', 'Member must be an integer'],
    ['lastSyncCount=0x1', 'lastSyncCount', 'Member must be an integer'],
    ['lastSyncCount=1%20', 'lastSyncCount', 'Member must be an integer'],
    ['lastSyncCount=1&lastSyncCount=2', 'lastSyncCount', 'Member must be given only once'],
    ['lastSyncCount=%', 'lastSyncCount', 'Member must be percent-encoded UTF-8'],
    ['maxResults=0', 'maxResults', 'Member must have value greater than or equal to 1'],
    ['maxResults=1025', 'maxResults', 'Member must have value less than or equal to 1024'],
    ['syncSessionToken=%00', 'syncSessionToken', 'Member must be without NUL'],
  ])('is rejected if invalid: %s', async (query, member, must) => {
    expectInvalid(await get(`${DATASET_PATH}/records?${query}`), member, must);
  });
});

describe('a body', () => {
  const TYPES = ['application/json', 'application/x-amz-json-1.1', 'text/plain', 'multipart/form-data', ''];
  it.each(TYPES)('is read as JSON if its content type is "%s"', async (type) => {
    const headers = { 'Content-Type': type };
    expect((await update({ SyncSessionToken: 't' }, headers)).status).toBe(200);
    expect((await get(DATASET_PATH, headers)).status).toBe(200);
  });

  it('is decoded by the names and types of the model', async () => {
    const patches = [
      { ...PATCH, Value: 'a "ü" \u{1f600} \ufeff', Unknown: 1 },
      { ...PATCH, Op: 'remove', Value: null },
    ];
    const body = {
      SyncSessionToken: 't',
      DeviceId: 'd',
      RecordPatches: patches,
      DatasetName: 'other',
      Extra: [{}],
    };
    const { status } = await update(body, { 'x-amz-Client-Context': 'context' });
    expect(status).toBe(200);
    expect(input()).toEqual({
      ...GAME,
      SyncSessionToken: 't',
      DeviceId: 'd',
      ClientContext: 'context',
      RecordPatches: [
        { ...PATCH, Value: 'a "ü" \u{1f600} \ufeff', DeviceLastModifiedDate: undefined },
        { ...PATCH, Op: 'remove', Value: undefined, DeviceLastModifiedDate: undefined },
      ],
    });
  });

  it.each<[string, number]>([
    ['1700000000', 1_700_000_000_000],
    ['1700000000.123', 1_700_000_000_123],
    ['1.700000000123E9', 1_700_000_000_123],
    ['"1700000000.123000"', 1_700_000_000_123],
    ['"1700000000"', 1_700_000_000_000],
    ['"2023-11-14T22:13:20.123Z"', 1_700_000_000_123],
    ['"2023-11-14T23:13:20+01:00"', 1_700_000_000_000],
    ['0', 0],
    ['-0.0001', 0],
    ['-62135596800', -62_135_596_800_000],
  ])('may have %s as a date', async (date, ms) => {
    const patch = `{"Op":"replace","Key":"k","SyncCount":0,"DeviceLastModifiedDate":${date}}`;
    expect((await update(`{"SyncSessionToken":"t","RecordPatches":[${patch}]}`)).status).toBe(200);
    expect(input()).toMatchObject({ RecordPatches: [{ DeviceLastModifiedDate: ms }] });
  });

  it.each([
    '1e400',
    '253402300800',
    '-62135596801',
    '"yesterday"',
    '""',
    '" 1"',
    '"NaN"',
    '"2023-99-99T00:00:00Z"',
    '[]',
    'true',
  ])('is rejected with %s as a date', async (date) => {
    const patch = `{"Op":"replace","Key":"k","SyncCount":0,"DeviceLastModifiedDate":${date}}`;
    const response = await update(`{"SyncSessionToken":"t","RecordPatches":[${patch}]}`);
    expectInvalid(response, 'recordPatches.1.member.deviceLastModifiedDate', 'Member must be a date');
  });

  it.each<[string, string | Uint8Array]>([
    ['not JSON', '{'],
    ['not JSON', 'secret'],
    ['not JSON', '{}{}'],
    ['not JSON', ' '],
    ['not JSON', '\ufeff{}'],
    ['not a JSON object', '[]'],
    ['not a JSON object', 'null'],
    ['not a JSON object', '"x"'],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d])],
    ['not UTF-8', Buffer.from('{}', 'utf16le').fill(0xd8, 2)],
  ])('is rejected if it is %s', async (fault, body) => {
    expectError(await update(body), 400, 'SerializationException', `the body is ${fault}`);
  });

  it.each([
    ['levels: 32', '['.repeat(2_000_000)],
    ['levels: 32', `${'['.repeat(2_000_000)}${']'.repeat(2_000_000)}`],
    ['levels: 32', '{"a":'.repeat(500_000)],
    ['values: 30000', `{"SyncSessionToken":"t","RecordPatches":[${Array(1_900_000).fill('{}')}]}`],
    ['values: 30000', JSON.stringify({ SyncSessionToken: 't', Extra: Array(30_001).fill(0) })],
  ])('is rejected before parsing if it has too many %s', async (limit, body) => {
    const [what, max] = limit.split(': ');
    const message = `the body has more than ${max} ${what}`;
    expectError(await update(body), 400, 'SerializationException', message);
  });

  const MEMBER = 'recordPatches.1.member';
  it.each<[string, object, string, string]>([
    ['no token', { SyncSessionToken: undefined }, 'syncSessionToken', 'Member must not be null'],
    ['null for the token', { SyncSessionToken: null }, 'syncSessionToken', 'Member must not be null'],
    ['a number for the token', { SyncSessionToken: 1 }, 'syncSessionToken', 'Member must be a string'],
    ['an empty device', { DeviceId: '' }, 'deviceId', 'Member must have length greater'],
    [
      'a device that is a path',
      { DeviceId: '..' },
      'deviceId',
      'Member must satisfy regular expression pattern',
    ],
    ['a map of patches', { RecordPatches: { 0: PATCH } }, 'recordPatches', 'Member must be a list'],
    ['a string for patches', { RecordPatches: '[]' }, 'recordPatches', 'Member must be a list'],
    ['null as a patch', { RecordPatches: [null] }, MEMBER, 'Member must not be null'],
    ['a list as a patch', { RecordPatches: [[]] }, MEMBER, 'Member must be a structure'],
    [
      'no key',
      { RecordPatches: [{ Op: 'remove', SyncCount: 0 }] },
      `${MEMBER}.key`,
      'Member must not be null',
    ],
    [
      'an object for a key',
      { RecordPatches: [{ ...PATCH, Key: {} }] },
      `${MEMBER}.key`,
      'Member must be a string',
    ],
    [
      'an empty key',
      { RecordPatches: [{ ...PATCH, Key: '' }] },
      `${MEMBER}.key`,
      'Member must have length greater',
    ],
    [
      'a long key',
      { RecordPatches: [{ ...PATCH, Key: 'k'.repeat(1025) }] },
      `${MEMBER}.key`,
      'Member must have length less',
    ],
    [
      'a NUL in a key',
      { RecordPatches: [{ ...PATCH, Key: 'a\0' }] },
      `${MEMBER}.key`,
      'Member must be without NUL',
    ],
    [
      'a lone surrogate in a key',
      { RecordPatches: [{ ...PATCH, Key: '\ud800' }] },
      `${MEMBER}.key`,
      'Member must be without lone surrogates',
    ],
    [
      'an unknown op',
      { RecordPatches: [{ ...PATCH, Op: 'add' }] },
      `${MEMBER}.op`,
      'Member must satisfy enum value set: \\[replace, remove\\]',
    ],
    [
      'a negative count',
      { RecordPatches: [{ ...PATCH, SyncCount: -1 }] },
      `${MEMBER}.syncCount`,
      'Member must have value greater',
    ],
    [
      'a huge count',
      { RecordPatches: [{ ...PATCH, SyncCount: 1e300 }] },
      `${MEMBER}.syncCount`,
      'Member must have value less',
    ],
    [
      'a fractional count',
      { RecordPatches: [{ ...PATCH, SyncCount: 0.5 }] },
      `${MEMBER}.syncCount`,
      'Member must be an integer',
    ],
    [
      'a string for a count',
      { RecordPatches: [{ ...PATCH, SyncCount: '0' }] },
      `${MEMBER}.syncCount`,
      'Member must be an integer',
    ],
    [
      'true for a count',
      { RecordPatches: [{ ...PATCH, SyncCount: true }] },
      `${MEMBER}.syncCount`,
      'Member must be an integer',
    ],
    [
      'a number for the op of the second patch',
      { RecordPatches: [PATCH, { ...PATCH, Op: 1 }] },
      'recordPatches.2.member.op',
      'Member must be a string',
    ],
  ])('is rejected with %s, and the error names the member', async (_, body, at, must) => {
    expectInvalid(await update({ SyncSessionToken: 't', ...body }), at, must);
  });

  it.each(['private'.repeat(150_000), 12345, 'private\0', 'private\udfff', ['private']])(
    'does not have a rejected value quoted in the error',
    async (Value) => {
      const response = await update({ SyncSessionToken: 't', RecordPatches: [{ ...PATCH, Value }] });
      expectInvalid(response, `${MEMBER}.value`, 'Member must ');
      expect(response.body).not.toMatch(/private|12345/);
    },
  );

  it('has all its errors listed, up to a limit', async () => {
    const response = await sendRaw(open.port, 'GET', '/identitypools/INVALID/identities/A%3AB%3AC/datasets');
    expectError(
      response,
      400,
      'InvalidParameterException',
      "2 validation errors detected: Value 'INVALID' at 'identityPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+; " +
        "Value 'A:B:C' at 'identityId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+",
    );
    const many = await update({ SyncSessionToken: 't', RecordPatches: Array(5_000).fill(0) });
    expect(many.status).toBe(400);
    expect(many.body).toContain('10 validation errors detected');
    expect(many.body).toContain("'recordPatches.10.member'");
    expect(many.body).not.toContain("'recordPatches.11.member'");
  });

  it('is not decoded further if a list is too long', async () => {
    const response = await update({ SyncSessionToken: 't', RecordPatches: Array(5_001).fill({}) });
    const must = 'Member must have length less than or equal to 5000';
    const message = `1 validation error detected: Value at 'recordPatches' failed to satisfy constraint: ${must}`;
    expectError(response, 400, 'InvalidParameterException', message);
  });

  it('may be as large as a full dataset, and is rejected above the limit', async () => {
    const Value = 'x'.repeat(1_048_575);
    expect((await update({ SyncSessionToken: 't', RecordPatches: [{ ...PATCH, Value }] })).status).toBe(200);
    recorded.clear();
    expectError(
      await update('x'.repeat(6 * 1024 * 1024 + 1)),
      413,
      'RequestEntityTooLarge',
      'the request body is larger than 6291456 bytes',
    );
  });

  it('may exceed 64 KiB only for UpdateRecords', async () => {
    const body = 'x'.repeat(64 * 1024 + 1);
    const message = 'the request body is larger than 65536 bytes';
    for (const [method, target] of [
      ['POST', `${POOL}/configuration`],
      ['POST', `${POOL}/events`],
      ['POST', `${POOL}/identity/us-east-1%3A0001/device`],
      ['DELETE', DATASET_PATH],
      ['GET', DATASET_PATH],
    ] as const) {
      const response = await sendRaw(open.port, method, target, {}, body);
      expectError(response, 413, 'RequestEntityTooLarge', message);
    }
  });

  it.each(['', '{}', 'garbage'])('is ignored if the operation has no body: "%s"', async (body) => {
    expect((await sendRaw(open.port, 'DELETE', DATASET_PATH, {}, body)).status).toBe(200);
  });
});

describe('a request', () => {
  it.each([
    ['its path', 404, 'UnknownOperationException', 'POST', '/identitypools/a/b', {}],
    ['its missing signature', 403, 'MissingAuthenticationTokenException', 'POST', DATASET_PATH, {}],
    [
      'its access key',
      403,
      'UnrecognizedClientException',
      'POST',
      DATASET_PATH,
      {
        Authorization:
          'AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/cognito-sync/aws4_request, SignedHeaders=host, Signature=00',
      },
    ],
    [
      'its date',
      403,
      'InvalidSignatureException',
      'POST',
      DATASET_PATH,
      {
        'X-Amz-Date': '20200101T000000Z',
        Authorization:
          'AWS4-HMAC-SHA256 Credential=local/20200101/us-east-1/cognito-sync/aws4_request, SignedHeaders=host, Signature=00',
      },
    ],
  ])('is rejected by %s before its body is sent', async (_, status, code, method, target, headers) => {
    const lines = Object.entries({ Host: '127.0.0.1', 'Content-Length': '5000000', ...headers });
    const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    const { response, socket } = openRaw(signed.port, `${method} ${target} HTTP/1.1\r\n${head}\r\n`);
    expectError(await response(), status, code, expect.any(String));
    socket.destroy();
  });
});

describe('a web page', () => {
  it.each(['https://app.example', 'null', 'http://localhost:3000'])(
    'from %s may send requests',
    async (Origin) => {
      const response = await sendRaw(signed.port, 'GET', DATASET_PATH, { Origin });
      expect(response.status).toBe(403);
      expect(response.headerLines).toContain('Access-Control-Allow-Origin: *');
      expect(response.headerLines).toContain('x-amzn-ErrorType: MissingAuthenticationTokenException:');
    },
  );

  it('may send a preflight request, which needs no signature', async () => {
    const response = await sendRaw(signed.port, 'OPTIONS', DATASET_PATH, {
      Origin: 'https://app.example',
      'Access-Control-Request-Method': 'DELETE',
      'Access-Control-Request-Headers': 'authorization,content-type, x-amz-date',
    });
    expect(response).toMatchObject({ status: 200, body: '' });
    expect(response.headerLines).toEqual(
      expect.arrayContaining([
        'Access-Control-Allow-Origin: *',
        'Access-Control-Allow-Methods: GET, POST, DELETE',
        'Access-Control-Allow-Headers: authorization,content-type, x-amz-date',
        'Access-Control-Max-Age: 172800',
        'x-amzn-RequestId: request-1',
      ]),
    );
  });

  it('gets only valid header names back in the answer to a preflight request', async () => {
    const response = await sendRaw(signed.port, 'OPTIONS', DATASET_PATH, {
      'Access-Control-Request-Headers': 'x;<script>, ü',
    });
    expect(response.status).toBe(200);
    expect(response.headerLines.join()).not.toMatch(/Allow-Headers|script/);
  });

  it('may not reach routes other than those of the service, and may not use another host name', async () => {
    const Origin = 'https://app.example';
    expect((await get('/healthz', { Origin })).status).toBe(403);
    expect((await get('/', { Origin })).status).toBe(403);
    expect((await get(DATASET_PATH, { Origin, Host: 'evil.example' })).status).toBe(403);
    expect(recorded.calls).toEqual([]);
  });
});
