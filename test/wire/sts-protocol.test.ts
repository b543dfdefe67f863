import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceRoute } from '../../infra/local/http/aws-routes.ts';
import { type HttpServer, startHttpServer } from '../../infra/local/http/http-server.ts';
import { ServiceError, ValueRefusedError } from '../../lib/common/errors.ts';
import { ExpiredLoginTokenError } from '../../lib/identity/errors.ts';
import { createFindApi } from '../../lib/wire/service/find-api.ts';
import { AWS } from '../fixtures/wire/aws-sdk-v2.ts';
import { type RawAnswer, sendRaw } from '../fixtures/wire/raw-http.ts';
import { CREDENTIALS, IDENTITY_ID, POOL_ID, stubIdentityApi } from '../fixtures/wire/stub-identity-api.ts';

const { recorded, logged, debugged, guarded, sts } = stubIdentityApi();

let port: HttpServer;

beforeAll(async () => {
  const route = createServiceRoute(createFindApi({ identityApi: guarded, stsApi: sts }));
  port = await startHttpServer({ host: '127.0.0.1', port: 0, routes: [route] });
});
afterAll(() => port.close());
beforeEach(() => {
  recorded.clear();
  logged.length = 0;
  debugged.length = 0;
});

const ROLE = 'arn:aws:iam::000000000000:role/game/players';
const REQUEST = { RoleArn: ROLE, RoleSessionName: 'web-identity', WebIdentityToken: 'open.id.token+/=' };
const FORM = 'application/x-www-form-urlencoded';

function call(parameters: Record<string, string | undefined>, type = FORM): Promise<RawAnswer> {
  const given = Object.entries({ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', ...parameters });
  const form = new URLSearchParams();
  for (const [name, value] of given) if (value !== undefined) form.append(name, value);
  return sendRaw(port.port, 'POST', '/', { 'Content-Type': type }, form.toString());
}

/** Expects an error in the format of AWS STS. Expects that the operation was not called. */
function expectError(
  response: RawAnswer,
  code: string,
  message: unknown,
  status = 400,
  type = 'Sender',
): void {
  expect(response.status).toBe(status);
  expect(response.headerLines).toContain('Content-Type: text/xml');
  const found =
    /^<ErrorResponse xmlns="https:\/\/sts\.amazonaws\.com\/doc\/2011-06-15\/"><Error><Type>(.*)<\/Type><Code>(.*)<\/Code><Message>(.*)<\/Message><\/Error><RequestId>request-1<\/RequestId><\/ErrorResponse>$/s.exec(
      response.body,
    );
  expect(found?.slice(1)).toEqual([type, code, message]);
  expect(recorded.calls).toEqual([]);
}

describe('AssumeRoleWithWebIdentity', () => {
  it('responds as AWS STS does', async () => {
    const response = await call(REQUEST);
    expect(response).toMatchObject({
      status: 200,
      body:
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">' +
        '<AssumeRoleWithWebIdentityResult>' +
        '<Credentials><AccessKeyId>ASIA0000000000000001</AccessKeyId>' +
        '<SecretAccessKey>secret+/=&amp;&lt;key&gt;</SecretAccessKey>' +
        '<SessionToken>session.token/+=&amp;&quot;&lt;&gt;&apos;</SessionToken>' +
        '<Expiration>2023-11-14T22:13:20Z</Expiration></Credentials>' +
        `<SubjectFromWebIdentityToken>${IDENTITY_ID}</SubjectFromWebIdentityToken>` +
        '<AssumedRoleUser><AssumedRoleId>AROA40DF55CF4DE80A261:web-identity</AssumedRoleId>' +
        '<Arn>arn:aws:sts::000000000000:assumed-role/players/web-identity</Arn></AssumedRoleUser>' +
        `<Provider>cognito-identity.amazonaws.com</Provider><Audience>${POOL_ID}</Audience>` +
        '</AssumeRoleWithWebIdentityResult>' +
        '<ResponseMetadata><RequestId>request-1</RequestId></ResponseMetadata>' +
        '</AssumeRoleWithWebIdentityResponse>',
    });
    expect(response.headerLines).toEqual(
      expect.arrayContaining([
        'x-amzn-RequestId: request-1',
        'Content-Type: text/xml',
        'Access-Control-Allow-Origin: *',
      ]),
    );
    expect(recorded.calls).toEqual([{ name: 'AssumeRoleWithWebIdentity', input: REQUEST }]);
  });

  it.each([`${FORM}; charset=utf-8`, 'Application/X-WWW-Form-Urlencoded;charset=UTF-8'])(
    'accepts the content type %s',
    async (type) => {
      expect((await call(REQUEST, type)).status).toBe(200);
    },
  );

  it('accepts and ignores parameters that it does not use', async () => {
    const more = { DurationSeconds: '900', ProviderId: 'p', Policy: '{}', 'PolicyArns.member.1.arn': ROLE };
    expect((await call({ ...REQUEST, ...more })).status).toBe(200);
    expect(recorded.calls).toEqual([{ name: 'AssumeRoleWithWebIdentity', input: REQUEST }]);
  });

  it.each([
    ['roleArn', { RoleArn: undefined }],
    ['roleSessionName', { RoleSessionName: undefined }],
    ['webIdentityToken', { WebIdentityToken: undefined }],
  ])('requires %s', async (at, changes) => {
    const message = `1 validation error detected: Value null at &apos;${at}&apos; failed to satisfy constraint: Member must not be null`;
    expectError(await call({ ...REQUEST, ...changes }), 'ValidationError', message);
  });

  it.each([
    ['roleArn', 'length greater than or equal to 20', { RoleArn: 'arn' }],
    ['roleArn', 'length less than or equal to 2048', { RoleArn: `${ROLE}${'x'.repeat(2_048)}` }],
    ['roleArn', 'without NUL', { RoleArn: `${ROLE}\0` }],
    ['roleSessionName', 'length greater than or equal to 2', { RoleSessionName: 'x' }],
    ['roleSessionName', 'satisfy regular expression pattern', { RoleSessionName: '<script>' }],
    ['webIdentityToken', 'length greater than or equal to 4', { WebIdentityToken: 'abc' }],
    ['webIdentityToken', 'length less than or equal to 20000', { WebIdentityToken: 'x'.repeat(20_001) }],
    ['durationSeconds', 'value greater than or equal to 900', { DurationSeconds: '899' }],
    ['durationSeconds', 'value less than or equal to 43200', { DurationSeconds: '43201' }],
    ['durationSeconds', 'be an integer', { DurationSeconds: '1h' }],
  ])('rejects a %s that violates "%s"', async (at, must, changes) => {
    const message = expect.stringMatching(
      new RegExp(`^1 validation error detected: .*at &apos;${at}&apos; failed .*Member must .*${must}`, 's'),
    );
    expectError(await call({ ...REQUEST, ...changes }), 'ValidationError', message);
  });

  it.each([
    'arn:aws:iam::000000000000:user/player',
    'arn:aws:iam::000000000000:role/',
    'arn:aws:iam::000000000000:role/a/<b>',
    'arn:aws:s3:::bucket-with-a-long-name',
    'something-else-entirely',
  ])('rejects "%s", which is not the ARN of a role', async (RoleArn) => {
    expectError(await call({ ...REQUEST, RoleArn }), 'ValidationError', 'Request ARN is invalid');
  });

  it('rejects an invalid token with the message of the identity service, escaped for XML', async () => {
    recorded.failWith(new ServiceError('NotAuthorizedException', 'Invalid <token> & "more"\0\ud800'));
    const response = await call(REQUEST);
    recorded.calls.length = 0;
    expectError(response, 'InvalidIdentityToken', 'Invalid &lt;token&gt; &amp; &quot;more&quot;\uFFFD\uFFFD');
  });

  it.each([
    [new ExpiredLoginTokenError(), 'ExpiredTokenException', 'Invalid login token. Token expired.'],
    [new ServiceError('ResourceNotFoundException', 'gone'), 'InvalidIdentityToken', 'gone'],
    [new ServiceError('InvalidParameterException', 'wrong'), 'ValidationError', 'wrong'],
    [new ValueRefusedError('no'), 'ValidationError', 'a value cannot be stored'],
  ])('maps %s to %s', async (error, code, message) => {
    recorded.failWith(error);
    const response = await call(REQUEST);
    recorded.calls.length = 0;
    expectError(response, code, message);
    expect(logged).toEqual([]);
    const details = { requestId: 'request-1', operation: 'AssumeRoleWithWebIdentity', code };
    expect(debugged).toEqual([{ message: 'a request was rejected', details }]);
  });

  it('responds with the status of a rate limit, and says when to retry', async () => {
    recorded.failWith(new ServiceError('TooManyRequestsException', 'slower', 7));
    const response = await call(REQUEST);
    recorded.calls.length = 0;
    expectError(response, 'TooManyRequestsException', 'slower', 429);
    expect(response.headerLines).toContain('Retry-After: 7');
  });

  it('hides the cause of an internal error and logs it without the token', async () => {
    const error = new Error('relation does not exist');
    recorded.failWith(error);
    const response = await call(REQUEST);
    recorded.calls.length = 0;
    expectError(response, 'InternalFailure', 'internal error', 500, 'Receiver');
    const details = { requestId: 'request-1', operation: 'AssumeRoleWithWebIdentity', error };
    expect(logged).toEqual([{ message: 'a request failed', details }]);
    expect(debugged).toEqual([]);
  });

  it.each(['pri', `private${'x'.repeat(20_000)}`, 'private\0'])(
    'does not quote an invalid token in the error (%#)',
    async (token) => {
      const response = await call({ ...REQUEST, WebIdentityToken: token });
      expectError(response, 'ValidationError', expect.stringContaining('&apos;webIdentityToken&apos;'));
      expect(response.body).not.toContain('pri');
    },
  );
});

describe('STS', () => {
  it.each(['GetCallerIdentity', 'AssumeRole', '__proto__', 'constructor', '<b>', '', undefined])(
    'rejects the action %s',
    async (Action) => {
      const message = 'this service supports only the action AssumeRoleWithWebIdentity';
      expectError(await call({ ...REQUEST, Action }), 'InvalidAction', message);
      expect(debugged).toMatchObject([{ details: { code: 'InvalidAction' } }]);
    },
  );

  it.each(['', '&&&', '%', '%ff%fe', '{}', '\ud800', 'Action', '='])(
    'rejects the body "%s"',
    async (body) => {
      const response = await sendRaw(port.port, 'POST', '/', { 'Content-Type': FORM }, body);
      expectError(response, 'InvalidAction', expect.stringMatching(/./));
    },
  );

  it('rejects a body of more than 128 KiB', async () => {
    const message = 'the request body is larger than 131072 bytes';
    expectError(await call({ ...REQUEST, More: 'x'.repeat(131_072) }), 'RequestEntityTooLarge', message, 413);
  });

  it('counts parameters before it parses them', async () => {
    const form = `${new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', ...REQUEST })}`;
    const send = (body: string) => sendRaw(port.port, 'POST', '/', { 'Content-Type': FORM }, body);
    expect((await send(`${form}${'&'.repeat(96)}`)).status).toBe(200);
    recorded.clear();
    expectError(
      await send(`${form}${'&'.repeat(97)}`),
      'ValidationError',
      'the request has more than 100 parameters',
    );
  });

  it('uses the first value of a repeated parameter and accepts any character in a token', async () => {
    const twice = `Action=AssumeRoleWithWebIdentity&${new URLSearchParams({ ...REQUEST, WebIdentityToken: 'ü=&+ token' })}&RoleArn=other`;
    expect((await sendRaw(port.port, 'POST', '/', { 'Content-Type': FORM }, twice)).status).toBe(200);
    expect(recorded.calls).toMatchObject([{ input: { ...REQUEST, WebIdentityToken: 'ü=&+ token' } }]);
  });

  it('accepts only POST', async () => {
    const query = new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', ...REQUEST });
    expect((await sendRaw(port.port, 'GET', `/?${query}`)).status).toBe(404);
    expect(recorded.calls).toEqual([]);
  });

  it('allows requests from web pages', async () => {
    const body = new URLSearchParams({ Action: 'AssumeRoleWithWebIdentity', ...REQUEST }).toString();
    const headers = { 'Content-Type': FORM, Origin: 'https://app.example' };
    const response = await sendRaw(port.port, 'POST', '/', headers, body);
    expect(response.status).toBe(200);
    expect(response.headerLines).toContain('Access-Control-Allow-Origin: *');
  });
});

describe('the AWS SDK v2', () => {
  const config = () => ({
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${port.port}`,
    maxRetries: 0,
  });

  it('assumes a role without AWS credentials', async () => {
    const { Credentials, AssumedRoleUser, Provider, ...rest } = await new AWS.STS(config())
      .assumeRoleWithWebIdentity(REQUEST)
      .promise();
    expect(Credentials).toEqual({
      AccessKeyId: CREDENTIALS.AccessKeyId,
      SecretAccessKey: CREDENTIALS.SecretKey,
      SessionToken: CREDENTIALS.SessionToken,
      Expiration: new Date('2023-11-14T22:13:20Z'),
    });
    expect(AssumedRoleUser?.Arn).toBe('arn:aws:sts::000000000000:assumed-role/players/web-identity');
    expect(Provider).toBe('cognito-identity.amazonaws.com');
    expect(rest).toMatchObject({ SubjectFromWebIdentityToken: IDENTITY_ID, Audience: POOL_ID });
  });

  it('throws errors with the code and the message of the service', async () => {
    recorded.failWith(new ServiceError('NotAuthorizedException', 'Invalid <token>'));
    const refused = new AWS.STS(config()).assumeRoleWithWebIdentity(REQUEST).promise();
    await expect(refused).rejects.toMatchObject({
      code: 'InvalidIdentityToken',
      message: 'Invalid <token>',
      statusCode: 400,
      requestId: 'request-1',
    });
  });

  it('gets credentials through the classic flow', async () => {
    const credentials = new AWS.CognitoIdentityCredentials(
      { IdentityPoolId: POOL_ID, RoleArn: ROLE, Logins: { 'login.example': 'token' } },
      config(),
    );
    await credentials.getPromise();
    expect(credentials).toMatchObject({
      accessKeyId: CREDENTIALS.AccessKeyId,
      secretAccessKey: CREDENTIALS.SecretKey,
      sessionToken: CREDENTIALS.SessionToken,
      identityId: IDENTITY_ID,
    });
    expect(recorded.calls.map(({ name }) => name)).toEqual([
      'GetId',
      'GetOpenIdToken',
      'AssumeRoleWithWebIdentity',
    ]);
    expect(recorded.calls[2]?.input).toEqual({ ...REQUEST, WebIdentityToken: 'open.id.token' });
  });
});

const missing = whyNoCli();
if (missing) console.log(`skipped: the AWS CLI against STS (${missing})`);

function whyNoCli(): string | undefined {
  try {
    execFileSync('aws', ['--version'], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    return `aws --version: ${error instanceof Error ? error.message.split('\n')[0] : error}`;
  }
}

describe.skipIf(missing)('the AWS CLI', () => {
  async function cli(token: string): Promise<string> {
    const parameters = ['--role-arn', ROLE, '--role-session-name', 'cli', '--web-identity-token', token];
    const endpoint = ['--endpoint-url', `http://127.0.0.1:${port.port}`, '--output', 'json'];
    const { stdout } = await promisify(execFile)(
      'aws',
      ['sts', 'assume-role-with-web-identity', ...parameters, ...endpoint],
      {
        env: {
          PATH: process.env.PATH,
          HOME: '/nonexistent',
          AWS_DEFAULT_REGION: 'us-east-1',
          AWS_MAX_ATTEMPTS: '1',
        },
      },
    );
    return stdout;
  }

  it('assumes a role and reports errors', async () => {
    const { Credentials, SubjectFromWebIdentityToken } = JSON.parse(await cli('open.id.token'));
    expect(Credentials.AccessKeyId).toBe(CREDENTIALS.AccessKeyId);
    // The major versions of the AWS CLI write dates in different formats.
    expect(Date.parse(Credentials.Expiration)).toBe(Date.parse('2023-11-14T22:13:20Z'));
    expect(SubjectFromWebIdentityToken).toBe(IDENTITY_ID);
    recorded.failWith(new ServiceError('NotAuthorizedException', 'Invalid token'));
    await expect(cli('open.id.token')).rejects.toThrow(/\(InvalidIdentityToken\).*Invalid token/);
  });
});
