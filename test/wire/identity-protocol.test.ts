import { existsSync } from 'node:fs';
import * as cognitoIdentity from '@aws-sdk/client-cognito-identity';
import {
  CognitoIdentityClient,
  DescribeIdentityPoolCommand,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  ListIdentitiesCommand,
  ListIdentityPoolsCommand,
  NotAuthorizedException,
  ResourceNotFoundException,
  UnlinkIdentityCommand,
} from '@aws-sdk/client-cognito-identity';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceRoute } from '../../infra/local/http/aws-routes.ts';
import { type HttpServer, startHttpServer } from '../../infra/local/http/http-server.ts';
import { ServiceError, type ServiceErrorCode, ValueRefusedError } from '../../lib/common/errors.ts';
import { createFindApi } from '../../lib/wire/service/find-api.ts';
import { AWS } from '../fixtures/wire/aws-sdk-v2.ts';
import { type RawAnswer, sendRaw } from '../fixtures/wire/raw-http.ts';
import { DEVELOPER } from '../fixtures/wire/signing.ts';
import {
  CREDENTIALS,
  IDENTITY,
  IDENTITY_ID,
  POOL,
  POOL_ID,
  READ_DATE,
  stubIdentityApi,
} from '../fixtures/wire/stub-identity-api.ts';

const { recorded, logged, debugged, trusting, guarded, sts } = stubIdentityApi();

let open: HttpServer;
let signed: HttpServer;

beforeAll(async () => {
  const listen = (identityApi: typeof trusting) =>
    startHttpServer({
      host: '127.0.0.1',
      port: 0,
      routes: [createServiceRoute(createFindApi({ identityApi, stsApi: sts }))],
    });
  open = await listen(trusting);
  signed = await listen(guarded);
});
afterAll(async () => {
  await open.close();
  await signed.close();
});
beforeEach(() => {
  recorded.clear();
  logged.length = 0;
  debugged.length = 0;
});

const TYPE = 'application/x-amz-json-1.1';
const target = (operation: string) => ({
  'X-Amz-Target': `AWSCognitoIdentityService.${operation}`,
  'Content-Type': TYPE,
});
const call = (operation: string, body: unknown, port = open.port) =>
  sendRaw(
    port,
    'POST',
    '/',
    target(operation),
    typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  );

/** Expects exactly one call of an operation, and returns its input. */
function input(): unknown {
  expect(recorded.calls).toHaveLength(1);
  return recorded.calls[0]?.input;
}

/** Expects an error of the API, with the same code in header and body. Expects that no operation was called. */
function expectError(response: RawAnswer, code: string, message: unknown, status = 400): void {
  expect(response).toMatchObject({
    status,
    headerLines: expect.arrayContaining([`x-amzn-ErrorType: ${code}:`, `Content-Type: ${TYPE}`]),
  });
  expect(JSON.parse(response.body)).toEqual({ __type: code, message });
  expect(recorded.calls).toEqual([]);
}

function expectInvalid(response: RawAnswer, at: string, must: string): void {
  const message = expect.stringMatching(
    new RegExp(`^\\d+ validation errors? detected: .*at '${at}' failed to satisfy constraint: ${must}`, 's'),
  );
  expectError(response, 'ValidationException', message);
}

const SERVED = Object.keys(recorded.operations);
const PUBLIC = ['GetId', 'GetCredentialsForIdentity', 'GetOpenIdToken', 'UnlinkIdentity'];

describe('the operations of the SDK', () => {
  const schemas: unknown[] = Object.values(cognitoIdentity);
  const shipped = schemas
    .filter((value) => Array.isArray(value) && value[0] === 9)
    .map((schema) => String(Reflect.get(Object(schema), 2)));

  it('are those that the service serves', () => {
    expect(shipped).toHaveLength(23);
    expect(shipped.toSorted()).toEqual(SERVED.toSorted());
  });

  it.each(shipped)('%s has a test file of its own', (operation) => {
    const name = operation.replaceAll(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
    expect(existsSync(new URL(`identity/${name}.test.ts`, import.meta.url))).toBe(true);
  });

  it.each(shipped)('%s checks its input', async (operation) => {
    const response = await call(operation, { IdentityPoolId: '!', IdentityId: '!', MaxResults: '!' });
    expectInvalid(response, '.*', 'Member must ');
    expect(logged).toEqual([]);
  });

  it.each(SERVED)('%s needs a signature unless the API makes it public', async (operation) => {
    const { body } = await call(operation, {}, signed.port);
    const code: unknown = JSON.parse(body).__type;
    const isPublic = PUBLIC.includes(operation);
    expect(code).toBe(isPublic ? 'ValidationException' : 'MissingAuthenticationTokenException');
  });
});

describe('the namespaced target of the API reference', () => {
  const NAMESPACE = 'com.amazonaws.cognito.identity.model';
  const headersOf = (operation: string) => ({
    'X-Amz-Target': `${NAMESPACE}.AWSCognitoIdentityService.${operation}`,
    'Content-Type': TYPE,
  });

  it.each(SERVED)('calls %s', async (operation) => {
    const response = await sendRaw(open.port, 'POST', '/', headersOf(operation), '{"MaxResults":"!"}');
    expectInvalid(response, '.*', 'Member must ');
  });

  it('has the same response as the short target', async () => {
    const body = JSON.stringify({ IdentityPoolId: POOL_ID });
    const response = await sendRaw(open.port, 'POST', '/', headersOf('GetId'), body);
    expect(response).toMatchObject({ status: 200, body: (await call('GetId', body)).body });
    expect(recorded.calls.map(({ name }) => name)).toEqual(['GetId', 'GetId']);
  });

  it('does not call an unknown operation or another service', async () => {
    const unknown = await sendRaw(open.port, 'POST', '/', headersOf('Nope'), '{}');
    expectError(unknown, 'UnknownOperationException', 'the operation Nope is not supported by this service');
    for (const namespace of ['com.amazonaws.cognito.sync.model', 'x', '']) {
      const headers = { 'X-Amz-Target': `${namespace}.AWSCognitoIdentityService.GetId` };
      expect((await sendRaw(open.port, 'POST', '/', headers, '{}')).status).toBe(404);
    }
    expect(recorded.calls).toEqual([]);
  });
});

describe('an unknown operation', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'getid', 'Nope'])(
    'is rejected by name: %s',
    async (name) => {
      const message = `the operation ${name} is not supported by this service`;
      expectError(await call(name, {}), 'UnknownOperationException', message);
    },
  );

  it.each(['', 'GetId ; <script>', 'GetId.GetId', 'x'.repeat(65)])(
    'is not quoted in the error if it is not a valid name: "%s"',
    async (name) => {
      expectError(
        await call(name, {}),
        'UnknownOperationException',
        'this operation is not supported by this service',
      );
    },
  );

  it('is rejected if the target is missing or of another service', async () => {
    const request = { method: 'POST', target: '/', body: Buffer.from('{}') };
    for (const headers of [{}, { 'x-amz-target': 'Kinesis_20131202.GetId' }, { 'x-amz-target': 'GetId' }]) {
      const { status, body } = await trusting({ ...request, headers });
      expect([status, JSON.parse(body).__type]).toEqual([400, 'UnknownOperationException']);
    }
  });
});

describe('a response', () => {
  it('keeps the header case that old clients expect', async () => {
    const { status, headerLines } = await call('GetId', { IdentityPoolId: POOL_ID });
    expect(status).toBe(200);
    expect(headerLines).toEqual(
      expect.arrayContaining([
        'x-amzn-RequestId: request-1',
        `Content-Type: ${TYPE}`,
        'Access-Control-Allow-Origin: *',
        'Access-Control-Expose-Headers: x-amzn-RequestId,x-amzn-ErrorType,Date',
        expect.stringMatching(/^Date: /),
      ]),
    );
  });

  it('has dates in seconds with a fraction, and omits members that are not set', async () => {
    expect((await call('ListIdentities', { IdentityPoolId: POOL_ID, MaxResults: 1 })).body).toBe(
      `{"IdentityPoolId":"${POOL_ID}","Identities":[{"IdentityId":"${IDENTITY_ID}","Logins":["accounts.google.com"],` +
        '"CreationDate":1700000000,"LastModifiedDate":1700000000.123}]}',
    );
    const { body } = await call('DescribeIdentityPool', { IdentityPoolId: POOL_ID });
    expect(Object.keys(JSON.parse(body))).toEqual([
      'IdentityPoolId',
      'IdentityPoolName',
      'AllowUnauthenticatedIdentities',
      'SupportedLoginProviders',
      'OpenIdConnectProviderARNs',
      'CognitoIdentityProviders',
      'IdentityPoolTags',
    ]);
  });

  it('is empty if the operation has no output', async () => {
    expect(await call('DeleteIdentityPool', { IdentityPoolId: POOL_ID })).toMatchObject({
      status: 200,
      body: '',
      headerLines: expect.arrayContaining(['Content-Length: 0']),
    });
  });

  it.each<ServiceErrorCode>([
    'InvalidParameterException',
    'NotAuthorizedException',
    'ResourceNotFoundException',
    'ResourceConflictException',
    'LimitExceededException',
    'DeveloperUserAlreadyRegisteredException',
    'ConcurrentModificationException',
  ])('has status 400 for %s', async (code) => {
    recorded.failWith(new ServiceError(code, 'a message'));
    const response = await call('GetId', { IdentityPoolId: POOL_ID });
    recorded.calls.length = 0;
    expectError(response, code, 'a message');
    expect(logged).toEqual([]);
    expect(debugged).toEqual([
      { message: 'a request was rejected', details: { requestId: 'request-1', operation: 'GetId', code } },
    ]);
  });

  it('hides the cause of an internal error, which is logged', async () => {
    const error = new Error('relation "identities" does not exist');
    recorded.failWith(error);
    const response = await call('GetId', { IdentityPoolId: POOL_ID, Logins: { 'login.example': 'private' } });
    recorded.calls.length = 0;
    expectError(response, 'InternalErrorException', 'internal error', 500);
    expect(logged).toEqual([
      { message: 'a request failed', details: { requestId: 'request-1', operation: 'GetId', error } },
    ]);
    expect(JSON.stringify(logged)).not.toContain('private');
  });

  it('is an error of the caller if the database cannot store a value', async () => {
    recorded.failWith(new ValueRefusedError('no'));
    const response = await call('GetId', { IdentityPoolId: POOL_ID });
    recorded.calls.length = 0;
    expectError(response, 'InvalidParameterException', 'a value cannot be stored');
  });

  it('is an internal error if the operation’s output does not match the model', async () => {
    const identityApi = stubIdentityApi();
    Object.assign(identityApi.recorded.operations, { GetId: async () => ({ IdentityId: 1 }) });
    const body = Buffer.from(JSON.stringify({ IdentityPoolId: POOL_ID }));
    const headers = { 'x-amz-target': 'AWSCognitoIdentityService.GetId' };
    expect((await identityApi.trusting({ method: 'POST', target: '/', headers, body })).status).toBe(500);
    expect(identityApi.logged).toHaveLength(1);
  });
});

describe('an input', () => {
  it.each<[string, unknown, string, string]>([
    ['GetId', {}, 'identityPoolId', 'Member must not be null'],
    ['GetId', '', 'identityPoolId', 'Member must not be null'],
    ['GetId', { IdentityPoolId: null }, 'identityPoolId', 'Member must not be null'],
    ['GetId', { IdentityPoolId: 1 }, 'identityPoolId', 'Member must be a string'],
    ['GetId', { IdentityPoolId: 'us-east-1_user' }, 'identityPoolId', 'Member must satisfy regular'],
    ['GetId', { IdentityPoolId: `${POOL_ID}\0` }, 'identityPoolId', 'Member must be without NUL'],
    ['GetId', { IdentityPoolId: '\ud800' }, 'identityPoolId', 'Member must be without lone surrogates'],
    ['GetId', { IdentityPoolId: POOL_ID, AccountId: 'x' }, 'accountId', 'Member must satisfy regular'],
    ['GetId', { IdentityPoolId: POOL_ID, AccountId: '1'.repeat(16) }, 'accountId', 'Member must have length'],
    ['GetId', { IdentityPoolId: POOL_ID, Logins: [] }, 'logins', 'Member must be a map'],
    ['GetId', { IdentityPoolId: POOL_ID, Logins: { a: 1 } }, 'logins.value', 'Member must be a string'],
    ['GetId', { IdentityPoolId: POOL_ID, Logins: { a: null } }, 'logins.value', 'Member must not be null'],
    ['GetId', { IdentityPoolId: POOL_ID, Logins: { a: '' } }, 'logins.value', 'Member must have length'],
    ['GetId', { IdentityPoolId: POOL_ID, Logins: { '': 'a' } }, 'logins.key', 'Member must have length'],
    ['GetId', { IdentityPoolId: POOL_ID, Logins: { '\ud800': 'a' } }, 'logins.key', 'Member must be without'],
    ['GetId', { IdentityPoolId: POOL_ID, Logins: logins(11) }, 'logins', 'Member must have length .* 10'],
    [
      'GetId',
      { IdentityPoolId: POOL_ID, Logins: { a: 'x'.repeat(50_001) } },
      'logins.value',
      'Member must have length .* 50000',
    ],
    [
      'GetId',
      { IdentityPoolId: POOL_ID, Logins: { ['x'.repeat(129)]: 'a' } },
      'logins.key',
      'Member must have length .* 128',
    ],
    [
      'GetCredentialsForIdentity',
      { IdentityId: IDENTITY_ID, CustomRoleArn: 'arn:short' },
      'customRoleArn',
      'Member must have length .* 20',
    ],
    [
      'GetOpenIdTokenForDeveloperIdentity',
      { IdentityPoolId: POOL_ID, Logins: {}, TokenDuration: 86_401 },
      'tokenDuration',
      'Member must have value less than or equal to 86400',
    ],
    [
      'GetOpenIdTokenForDeveloperIdentity',
      { IdentityPoolId: POOL_ID, Logins: {}, TokenDuration: 0 },
      'tokenDuration',
      'Member must have value greater',
    ],
    [
      'ListIdentityPools',
      { MaxResults: 61 },
      'maxResults',
      'Member must have value less than or equal to 60',
    ],
    ['ListIdentityPools', { MaxResults: 0 }, 'maxResults', 'Member must have value greater'],
    ['ListIdentityPools', { MaxResults: '1' }, 'maxResults', 'Member must be an integer'],
    ['ListIdentityPools', { MaxResults: 1, NextToken: 'a b' }, 'nextToken', 'Member must satisfy regular'],
    ['ListIdentityPools', {}, 'maxResults', 'Member must not be null'],
    ['CreateIdentityPool', { IdentityPoolName: 'n' }, 'allowUnauthenticatedIdentities', 'Member must not be'],
    ['CreateIdentityPool', pool({ IdentityPoolName: 'a/b' }), 'identityPoolName', 'Member must satisfy'],
    ['CreateIdentityPool', pool({ IdentityPoolName: '' }), 'identityPoolName', 'Member must have length'],
    [
      'CreateIdentityPool',
      pool({ AllowUnauthenticatedIdentities: 'true' }),
      'allow.*',
      'Member must be true',
    ],
    [
      'CreateIdentityPool',
      pool({ DeveloperProviderName: 'a b' }),
      'developerProviderName',
      'Member must sat',
    ],
    [
      'CreateIdentityPool',
      pool({ CognitoIdentityProviders: [{ ProviderName: 'p' }, { ClientId: 'a-b' }] }),
      'cognitoIdentityProviders.2.member.clientId',
      'Member must satisfy regular',
    ],
    [
      'CreateIdentityPool',
      pool({ OpenIdConnectProviderARNs: ['arn'] }),
      'openIdConnectProviderARNs.1.member',
      'Member must have length',
    ],
    ['CreateIdentityPool', pool({ SupportedLoginProviders: logins(11) }), 'supported.*', 'Member must have'],
    [
      'CreateIdentityPool',
      pool({ IdentityPoolTags: { '': '' } }),
      'identityPoolTags.key',
      'Member must have',
    ],
    [
      'MergeDeveloperIdentities',
      merge({ SourceUserIdentifier: 'x'.repeat(1_025) }),
      'sourceUserIdentifier',
      'Member must have length .* 1024',
    ],
    [
      'MergeDeveloperIdentities',
      merge({ DestinationUserIdentifier: '' }),
      'destination.*',
      'Member must have',
    ],
    [
      'DeleteIdentities',
      { IdentityIdsToDelete: [] },
      'identityIdsToDelete',
      'Member must have length greater',
    ],
    [
      'DeleteIdentities',
      { IdentityIdsToDelete: Array.from({ length: 61 }, () => IDENTITY_ID) },
      'identityIdsToDelete',
      'Member must have length less than or equal to 60',
    ],
    [
      'DeleteIdentities',
      { IdentityIdsToDelete: [IDENTITY_ID, '!'] },
      'identityIdsToDelete.2.member',
      'Member must satisfy regular',
    ],
    [
      'LookupDeveloperIdentity',
      { IdentityPoolId: POOL_ID, MaxResults: 61 },
      'maxResults',
      'Member must have',
    ],
    [
      'LookupDeveloperIdentity',
      { IdentityPoolId: POOL_ID, DeveloperUserIdentifier: 'x'.repeat(1_025) },
      'developerUserIdentifier',
      'Member must have length .* 1024',
    ],
    ['UnlinkIdentity', { IdentityId: IDENTITY_ID, Logins: {} }, 'loginsToRemove', 'Member must not be null'],
    [
      'UnlinkIdentity',
      { IdentityId: IDENTITY_ID, Logins: {}, LoginsToRemove: [''] },
      'loginsToRemove.1.member',
      'Member must have length',
    ],
    ['SetIdentityPoolRoles', roles({ Roles: { admin: ROLE } }), 'roles.key', 'Member must satisfy regular'],
    [
      'SetIdentityPoolRoles',
      roles({ Roles: { authenticated: 'arn' } }),
      'roles.value',
      'Member must have length',
    ],
    [
      'SetIdentityPoolRoles',
      roles({ RoleMappings: logins(11) }),
      'roleMappings',
      'Member must have length less than or equal to 10',
    ],
    [
      'SetIdentityPoolRoles',
      roles({ RoleMappings: { p: { Type: 'Other' } } }),
      'roleMappings.value.type',
      'Member must satisfy enum value set: \\[Token, Rules\\]',
    ],
    [
      'SetIdentityPoolRoles',
      rules([]),
      'roleMappings.value.rulesConfiguration.rules',
      'Member must have length',
    ],
    [
      'SetIdentityPoolRoles',
      rules([{ Claim: 'a b', MatchType: 'Equals', Value: 'v', RoleARN: ROLE }]),
      'roleMappings.value.rulesConfiguration.rules.1.member.claim',
      'Member must satisfy regular',
    ],
    [
      'SetIdentityPoolRoles',
      rules([{ Claim: 'a', MatchType: 'Like', Value: 'v', RoleARN: ROLE }]),
      'roleMappings.value.rulesConfiguration.rules.1.member.matchType',
      'Member must satisfy enum',
    ],
    ['TagResource', { ResourceArn: ROLE, Tags: { '': 'v' } }, 'tags.key', 'Member must have length'],
    [
      'TagResource',
      { ResourceArn: ROLE, Tags: { k: 'v'.repeat(257) } },
      'tags.value',
      'Member must have length',
    ],
    ['UntagResource', { ResourceArn: ROLE, TagKeys: [''] }, 'tagKeys.1.member', 'Member must have length'],
    ['ListTagsForResource', { ResourceArn: 'arn' }, 'resourceArn', 'Member must have length'],
    [
      'SetPrincipalTagAttributeMap',
      { IdentityPoolId: POOL_ID, IdentityProviderName: 'p', PrincipalTags: { tag: '' } },
      'principalTags.value',
      'Member must have length',
    ],
    [
      'SetPrincipalTagAttributeMap',
      { IdentityPoolId: POOL_ID, IdentityProviderName: 'p', UseDefaults: 'true' },
      'useDefaults',
      'Member must be true',
    ],
  ])('of %s is rejected, and the error names the member: %j', async (operation, body, at, must) => {
    expectInvalid(await call(operation, body), at, must);
  });

  it('is rejected with the message that Amazon Cognito sends', async () => {
    expectError(
      await call('GetId', { IdentityPoolId: 'us-east-2:mock' }),
      'ValidationException',
      "1 validation error detected: Value 'us-east-2:mock' at 'identityPoolId' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w-]+:[0-9a-f-]+",
    );
  });

  it.each([
    { 'login.example': 'private'.repeat(8_000) },
    { 'login.example': 'private\0' },
    { 'login.example': 'private\udfff' },
    { 'login.example': ['private'] },
    { [`private${'x'.repeat(128)}`]: 'login.example' },
    'private',
  ])('is rejected without quoting a token in the error, even from a wrong place (%#)', async (Logins) => {
    const response = await call('GetId', { IdentityPoolId: POOL_ID, Logins });
    expectInvalid(response, 'logins.*', 'Member must ');
    expect(`${response.body}${response.headerLines}${JSON.stringify(logged)}`).not.toContain('private');
  });

  it.each([
    ['{', 'the body is not JSON'],
    ['{"Logins":{"a":private}}', 'the body is not JSON'],
    ['[]', 'the body is not a JSON object'],
    ['"text"', 'the body is not a JSON object'],
    ['null', 'the body is not a JSON object'],
    [Buffer.from([0x7b, 0xff, 0x7d]), 'the body is not UTF-8'],
  ])('is rejected unless it is a JSON object: %s', async (body, message) => {
    expectError(await call('GetId', body), 'SerializationException', message);
  });

  it.each([
    ['GetId', 524_288],
    ['GetCredentialsForIdentity', 524_288],
    ['GetOpenIdToken', 524_288],
    ['GetOpenIdTokenForDeveloperIdentity', 524_288],
    ['UnlinkIdentity', 524_288],
    ['SetIdentityPoolRoles', 1_048_576],
    ['DeleteIdentities', 65_536],
    ['ListIdentityPools', 65_536],
    ['CreateIdentityPool', 65_536],
  ])('of %s may have up to %i bytes', async (operation, maxBytes) => {
    const padded = (length: number) => JSON.stringify({ IdentityPoolId: POOL_ID }).padEnd(length);
    expect((await call(operation, padded(maxBytes))).status).not.toBe(413);
    recorded.clear();
    const message = `the request body is larger than ${maxBytes} bytes`;
    expectError(await call(operation, padded(maxBytes + 1)), 'RequestEntityTooLarge', message, 413);
  });

  it('has room for ten tokens of the largest size', async () => {
    const response = await call('GetId', { IdentityPoolId: POOL_ID, Logins: logins(10, 'x'.repeat(50_000)) });
    expect(response.status).toBe(200);
  });

  it('may have inherited property names as keys, and unknown members', async () => {
    const body = `{"IdentityPoolId":"${POOL_ID}","Logins":{"__proto__":"t","constructor":"t"},"__proto__":{"AccountId":"1"},"Other":[1]}`;
    expect((await call('GetId', body)).status).toBe(200);
    const { Logins, ...rest } = Object(input());
    expect(rest).toEqual({ IdentityPoolId: POOL_ID, AccountId: undefined });
    expect(Object.entries(Logins)).toEqual([
      ['__proto__', 't'],
      ['constructor', 't'],
    ]);
    expect(Object.getPrototypeOf(Logins)).toBe(Object.prototype);
  });

  it('is not decoded further if it has too many logins, and not even parsed if it has very many logins', async () => {
    const few = await call('GetId', { IdentityPoolId: POOL_ID, Logins: logins(1_900, '') });
    expectInvalid(few, 'logins', 'Member must have length less than or equal to 10$');
    expect(few.body).toContain('1 validation error detected');
    const many = await call('GetId', { IdentityPoolId: POOL_ID, Logins: logins(20_000, '') });
    expectError(many, 'SerializationException', 'the body has more than 2000 values');
  });

  it('is always decoded to a valid input or rejected', async () => {
    const text = fc.oneof(
      fc.constantFrom(POOL_ID, IDENTITY_ID, '', '\ud800', '\0'),
      fc.string({ unit: 'binary' }),
    );
    const value = fc.oneof(text, fc.jsonValue(), fc.dictionary(text, text), fc.nat());
    const names = ['IdentityPoolId', 'IdentityId', 'Logins', 'MaxResults', 'NextToken', 'IdentityPoolName'];
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.dictionary(fc.constantFrom(...names), value).map((any) => Buffer.from(JSON.stringify(any))),
    );
    const name = fc.oneof(fc.constantFrom(...SERVED), fc.string());
    await fc.assert(
      fc.asyncProperty(name, body, async (operation, bytes) => {
        recorded.clear();
        const headers = { 'x-amz-target': `AWSCognitoIdentityService.${operation}` };
        const { status, body: json } = await trusting({ method: 'POST', target: '/', headers, body: bytes });
        expect(logged).toEqual([]);
        expect(recorded.calls).toHaveLength(status === 200 ? 1 : 0);
        if (status !== 200)
          expect([400, JSON.parse(json).message]).toEqual([status, expect.stringMatching(/./)]);
      }),
      { numRuns: 3_000 },
    );
  });
});

function logins(count: number, value = 'app'): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`login-${index}`, value]));
}

function pool(changes: object): object {
  return { IdentityPoolName: 'n', AllowUnauthenticatedIdentities: true, ...changes };
}

const ROLE = 'arn:aws:iam::000000000000:role/user';

function roles(changes: object): object {
  return { IdentityPoolId: POOL_ID, Roles: { authenticated: ROLE }, ...changes };
}

function rules(Rules: object[]): object {
  const mapping = { Type: 'Rules', AmbiguousRoleResolution: 'Deny', RulesConfiguration: { Rules } };
  return roles({ RoleMappings: { p: mapping } });
}

function merge(changes: object): object {
  return {
    IdentityPoolId: POOL_ID,
    DeveloperProviderName: 'login.example',
    SourceUserIdentifier: 'a',
    DestinationUserIdentifier: 'b',
    ...changes,
  };
}

describe('the AWS SDK', () => {
  let client: CognitoIdentityClient;
  const connect = (secretAccessKey: string, region = 'us-east-1') =>
    new CognitoIdentityClient({
      region,
      endpoint: `http://127.0.0.1:${signed.port}`,
      credentials: { accessKeyId: 'local', secretAccessKey },
    });
  beforeAll(() => {
    client = connect('local');
  });
  afterAll(() => client.destroy());

  const Logins = { 'login.example': 'token' };
  const { DeveloperProviderName: _, ...seenPool } = POOL;
  const seenIdentity = {
    ...IDENTITY,
    CreationDate: new Date(1_700_000_000_000),
    LastModifiedDate: READ_DATE,
  };

  it('calls the operations as a developer, and the public operations without a signature', async () => {
    const { $metadata, ...described } = await client.send(
      new DescribeIdentityPoolCommand({ IdentityPoolId: POOL_ID }),
    );
    expect($metadata).toMatchObject({ httpStatusCode: 200, requestId: 'request-1' });
    expect(described).toEqual(seenPool);
    const request = { IdentityPoolId: POOL_ID, MaxResults: 1, HideDisabled: true, NextToken: 'a+/=' };
    const listed = await client.send(new ListIdentitiesCommand(request));
    expect(listed).toMatchObject({ IdentityPoolId: POOL_ID, Identities: [seenIdentity] });
    expect(listed.NextToken).toBeUndefined();
    const anonymous = new CognitoIdentityClient({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${signed.port}`,
    });
    const known = { IdentityId: IDENTITY_ID, Logins };
    const { Credentials } = await anonymous.send(new GetCredentialsForIdentityCommand(known));
    expect(Credentials).toEqual({ ...CREDENTIALS, Expiration: READ_DATE });
    const unlink = { ...known, LoginsToRemove: ['login.example'] };
    await anonymous.send(new UnlinkIdentityCommand(unlink));
    anonymous.destroy();
    expect(recorded.calls).toEqual([
      { name: 'DescribeIdentityPool', input: { IdentityPoolId: POOL_ID }, caller: DEVELOPER },
      { name: 'ListIdentities', input: request, caller: DEVELOPER },
      { name: 'GetCredentialsForIdentity', input: { ...known, CustomRoleArn: undefined } },
      { name: 'UnlinkIdentity', input: unlink },
    ]);
  });

  it('throws an error of the class that the error code names', async () => {
    recorded.failWith(new ServiceError('ResourceNotFoundException', `IdentityPool '${POOL_ID}' not found.`));
    const described = client.send(new DescribeIdentityPoolCommand({ IdentityPoolId: POOL_ID }));
    await expect(described).rejects.toBeInstanceOf(ResourceNotFoundException);
    await expect(described).rejects.toMatchObject({
      message: `IdentityPool '${POOL_ID}' not found.`,
      $metadata: { httpStatusCode: 400, attempts: 1 },
    });
    recorded.failWith(new ServiceError('NotAuthorizedException', 'Invalid login token.'));
    const identified = client.send(new GetIdCommand({ IdentityPoolId: POOL_ID }));
    await expect(identified).rejects.toBeInstanceOf(NotAuthorizedException);
    const invalid = client.send(new GetIdCommand({ IdentityPoolId: 'INVALID' }));
    await expect(invalid).rejects.toMatchObject({ name: 'ValidationException' });
    await expect(invalid).rejects.toThrow("Value 'INVALID' at 'identityPoolId'");
  });

  it.each([
    ['wrong', 'us-east-1'],
    ['local', 'eu-west-1'],
  ])('receives an error with the secret %s in region %s', async (secret, region) => {
    const unauthorized = connect(secret, region);
    await expect(unauthorized.send(new ListIdentityPoolsCommand({ MaxResults: 1 }))).rejects.toMatchObject({
      name: 'InvalidSignatureException',
      $metadata: { httpStatusCode: 400 },
    });
    unauthorized.destroy();
    expect(recorded.calls).toEqual([]);
  });

  it('may send an invalid signature to a public operation, which ignores it', async () => {
    const headers = { ...target('GetId'), Authorization: 'AWS4-HMAC-SHA256 nonsense' };
    const response = await sendRaw(
      signed.port,
      'POST',
      '/',
      headers,
      JSON.stringify({ IdentityPoolId: POOL_ID }),
    );
    expect(response.status).toBe(200);
  });

  it('v2 calls the operations and throws errors with the code of the service', async () => {
    const v2 = new AWS.CognitoIdentity({
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${signed.port}`,
      accessKeyId: 'local',
      secretAccessKey: 'local',
      maxRetries: 0,
    });
    expect(await v2.getId({ IdentityPoolId: POOL_ID, Logins }).promise()).toMatchObject({
      IdentityId: IDENTITY_ID,
    });
    expect(await v2.describeIdentity({ IdentityId: IDENTITY_ID }).promise()).toMatchObject(seenIdentity);
    await v2.deleteIdentityPool({ IdentityPoolId: POOL_ID }).promise();
    recorded.failWith(new ServiceError('NotAuthorizedException', 'Invalid login token.'));
    await expect(v2.getId({ IdentityPoolId: POOL_ID }).promise()).rejects.toMatchObject({
      code: 'NotAuthorizedException',
      statusCode: 400,
      message: 'Invalid login token.',
    });
  });

  it('v2 gets the identity and its credentials with CognitoIdentityCredentials', async () => {
    const clientConfig = { region: 'us-east-1', endpoint: `http://127.0.0.1:${signed.port}` };
    const credentials = new AWS.CognitoIdentityCredentials({ IdentityPoolId: POOL_ID, Logins }, clientConfig);
    await credentials.getPromise();
    expect(credentials).toMatchObject({
      accessKeyId: CREDENTIALS.AccessKeyId,
      sessionToken: CREDENTIALS.SessionToken,
      expireTime: READ_DATE,
      identityId: IDENTITY_ID,
    });
    expect(recorded.calls.map(({ name }) => name)).toEqual(['GetId', 'GetCredentialsForIdentity']);
  });
});

describe('a web page', () => {
  const Origin = 'https://app.example';

  it('may call the API', async () => {
    const headers = { ...target('GetId'), Origin };
    const response = await sendRaw(
      signed.port,
      'POST',
      '/',
      headers,
      JSON.stringify({ IdentityPoolId: POOL_ID }),
    );
    expect(response.status).toBe(200);
    expect(response.headerLines).toContain('Access-Control-Allow-Origin: *');
    const refused = await sendRaw(signed.port, 'POST', '/', { ...target('DescribeIdentity'), Origin }, '{}');
    expect(refused.headerLines).toContain('Access-Control-Allow-Origin: *');
    expect(refused.headerLines).toContain('x-amzn-ErrorType: MissingAuthenticationTokenException:');
  });

  it('may send a preflight request', async () => {
    const names = 'amz-sdk-invocation-id,amz-sdk-request,content-type,x-amz-target,x-amz-user-agent';
    const response = await sendRaw(signed.port, 'OPTIONS', '/', {
      Origin,
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': names,
    });
    expect(response).toMatchObject({ status: 200, body: '' });
    expect(response.headerLines).toEqual(
      expect.arrayContaining([
        'Access-Control-Allow-Origin: *',
        expect.stringMatching(/^Access-Control-Allow-Methods: .*POST/),
        `Access-Control-Allow-Headers: ${names}`,
      ]),
    );
  });

  it('may send no requests other than those of Cognito Identity, and may not use another host name', async () => {
    const others: [string, string, Record<string, string>][] = [
      ['POST', '/', { 'X-Amz-Target': 'Kinesis_20131202.ListStreams', 'Content-Type': TYPE }],
      ['POST', '/', { 'Content-Type': TYPE }],
      [
        'POST',
        '/',
        { 'X-Amz-Target': 'Kinesis_20131202.PutRecord', 'Content-Type': 'application/x-www-form-urlencoded' },
      ],
      ['POST', '/other', target('GetId')],
      ['GET', '/', target('GetId')],
      ['OPTIONS', '/other', {}],
    ];
    for (const [method, path, headers] of others) {
      expect([
        method,
        path,
        (await sendRaw(signed.port, method, path, { ...headers, Origin })).status,
      ]).toEqual([method, path, 403]);
    }
    const evil = await sendRaw(signed.port, 'POST', '/', { ...target('GetId'), Host: 'evil.example' });
    expect(evil.status).toBe(403);
    expect(recorded.calls).toEqual([]);
  });
});
