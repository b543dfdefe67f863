import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import {
  CreatePlatformApplicationCommand,
  DeleteEndpointCommand,
  GetEndpointAttributesCommand,
  SetEndpointAttributesCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createSnsPush } from '../../../../lib/aws/push/sns-push.ts';
import { PushError } from '../../../../lib/sync/ports/push.ts';
import { listen } from '../../../fixtures/aws/kinesis-emulator.ts';
import { freePort } from '../../../fixtures/local/free-port.ts';
import { failureOf } from '../../../fixtures/push/failure-of.ts';

const APP = 'arn:aws:sns:us-east-1:000000000000:app/GCM/notes';
const ENDPOINT = 'arn:aws:sns:us-east-1:000000000000:endpoint/GCM/notes/0a0b0c0d-0000-4000-8000-000000000001';
const TOKEN = 'A0-secret-token';
const DEVICE = { deviceId: 'd', platform: 'GCM' as const, endpoint: ENDPOINT, registeredAt: 0 };
const MESSAGE = '{"data":{"source":"cognito-sync"}}';
const register = { applicationArn: APP, platform: 'GCM' as const, token: TOKEN };

const connectTo = (endpoint: string) =>
  new SNSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'caller', secretAccessKey: 'secret' },
    maxAttempts: 1,
  });

interface ScriptedResponse {
  status?: number;
  body: string;
}

const succeeded = (operation: string, result = ''): ScriptedResponse => ({
  body: `<${operation}Response xmlns="http://sns.amazonaws.com/doc/2010-03-31/">${result}<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></${operation}Response>`,
});
const CREATED = succeeded(
  'CreatePlatformEndpoint',
  `<CreatePlatformEndpointResult><EndpointArn>${ENDPOINT}</EndpointArn></CreatePlatformEndpointResult>`,
);
const failed = (code: string, message: string, status = 400): ScriptedResponse => ({
  status,
  body: `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>r</RequestId></ErrorResponse>`,
});
const EXISTS = failed(
  'InvalidParameter',
  `Invalid parameter: Token Reason: Endpoint ${ENDPOINT} already exists with the same Token, but different attributes.`,
);
/** The response of SNS to `Publish` if the endpoint was deleted. */
const DELETED = failed(
  'InvalidParameter',
  'Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified',
);

/** Starts a stub of Amazon SNS that returns these responses in order. */
async function scriptSns(...responses: ScriptedResponse[]) {
  const requests: Record<string, string>[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { status = 200, body } =
      responses[requests.length] ?? failed('InternalError', 'no more responses', 500);
    requests.push(Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString())));
    response.writeHead(status, { 'Content-Type': 'text/xml' }).end(body);
  });
  const client = connectTo(await listen(server));
  onTestFinished(async () => {
    client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { push: createSnsPush(client), requests };
}

describe('Amazon SNS as the push channel', () => {
  it('creates an enabled endpoint of the application', async () => {
    const { push, requests } = await scriptSns(CREATED);
    expect(await push.register(register)).toBe(ENDPOINT);
    expect(requests).toMatchObject([
      {
        Action: 'CreatePlatformEndpoint',
        PlatformApplicationArn: APP,
        Token: TOKEN,
        'Attributes.entry.1.key': 'Enabled',
        'Attributes.entry.1.value': 'true',
      },
    ]);
  });

  it('reuses the existing endpoint of the token, and enables it', async () => {
    const { push, requests } = await scriptSns(EXISTS, succeeded('SetEndpointAttributes'));
    expect(await push.register(register)).toBe(ENDPOINT);
    expect(requests[1]).toMatchObject({
      Action: 'SetEndpointAttributes',
      EndpointArn: ENDPOINT,
      'Attributes.entry.1.key': 'Enabled',
      'Attributes.entry.1.value': 'true',
    });
  });

  it.each<[string, ScriptedResponse[]]>([
    ['a token', [failed('InvalidParameter', `Invalid parameter: Token Reason: ${TOKEN} is invalid`)]],
    ['an unknown application', [failed('NotFound', 'PlatformApplication does not exist', 404)]],
    ['an endpoint deleted in the meantime', [EXISTS, failed('NotFound', 'Endpoint does not exist', 404)]],
  ])('names the application and never the token if SNS rejects %s', async (_, responses) => {
    const { push } = await scriptSns(...responses);
    const failure = await failureOf(push.register(register));
    expect(failure).toMatchObject({ name: 'PushError', reason: 'refused' });
    expect(failure).toBeInstanceOf(PushError);
    expect(String(failure)).toContain(APP);
    expect(JSON.stringify([String(failure), failure])).not.toContain(TOKEN);
    expect(failure).not.toHaveProperty('cause');
  });

  it.each([
    ['access is denied', failed('AuthorizationError', 'not authorized', 403), 'AuthorizationErrorException'],
    ['SNS fails', failed('InternalError', 'no', 500), 'InternalErrorException'],
  ])('throws the error of SNS if %s', async (_, response, name) => {
    const { push } = await scriptSns(response, response);
    expect(await failureOf(push.register(register))).toMatchObject({ name });
    expect(await failureOf(push.send(DEVICE, MESSAGE))).toMatchObject({ name });
  });

  it('publishes the message for the platform of the device', async () => {
    const { push, requests } = await scriptSns(
      succeeded('Publish', '<PublishResult><MessageId>m</MessageId></PublishResult>'),
    );
    await push.send(DEVICE, MESSAGE);
    expect(requests).toMatchObject([{ Action: 'Publish', TargetArn: ENDPOINT, MessageStructure: 'json' }]);
    expect(JSON.parse(requests[0]?.Message ?? '')).toEqual({ default: MESSAGE, GCM: MESSAGE });
    expect(Object.keys(requests[0] ?? {}).filter((name) => name.startsWith('MessageAttributes'))).toEqual([]);
  });

  it.each(['APNS', 'APNS_SANDBOX'] as const)('tells %s that the message has no alert', async (platform) => {
    const { push, requests } = await scriptSns(
      succeeded('Publish', '<PublishResult><MessageId>m</MessageId></PublishResult>'),
    );
    await push.send({ ...DEVICE, platform }, MESSAGE);
    expect(requests).toMatchObject([
      {
        'MessageAttributes.entry.1.Name': 'AWS.SNS.MOBILE.APNS.PUSH_TYPE',
        'MessageAttributes.entry.1.Value.StringValue': 'background',
        'MessageAttributes.entry.2.Name': 'AWS.SNS.MOBILE.APNS.PRIORITY',
        'MessageAttributes.entry.2.Value.StringValue': '5',
      },
    ]);
  });

  it.each([
    ['disabled', failed('EndpointDisabled', 'Endpoint is disabled')],
    ['deleted', DELETED],
    ['unknown to a service that imitates SNS', failed('NotFound', 'Endpoint does not exist', 404)],
  ])('reports a device as disabled if its endpoint is %s', async (_, response) => {
    const { push } = await scriptSns(response);
    expect(await failureOf(push.send(DEVICE, MESSAGE))).toMatchObject({
      name: 'PushError',
      reason: 'disabled',
    });
  });

  it('does not report a device as disabled if SNS rejects another parameter', async () => {
    const { push } = await scriptSns(
      failed('InvalidParameter', 'Invalid parameter: Message Reason: Message too long'),
    );
    expect(await failureOf(push.send(DEVICE, MESSAGE))).toMatchObject({ name: 'InvalidParameterException' });
  });
});

const missing = spawnSync('moto_server', ['--help']).status !== 0;
if (missing) console.log('moto_server is not on the PATH: the test of push against SNS is skipped');

describe.skipIf(missing)('SNS push on moto', () => {
  let moto: ReturnType<typeof spawn>;
  let client: SNSClient;
  beforeAll(async () => {
    const port = await freePort();
    moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
    const endpoint = `http://127.0.0.1:${port}`;
    client = connectTo(endpoint);
    await vi.waitFor(() => fetch(endpoint), { timeout: 30_000, interval: 100 });
  }, 40_000);
  afterAll(() => {
    client.destroy();
    moto.kill('SIGKILL');
  });

  it('registers a device, publishes to it, enables it again after it was disabled, and reports a deleted endpoint', async () => {
    const application = { Platform: 'GCM', Name: 'notes', Attributes: { PlatformCredential: 'key' } };
    const { PlatformApplicationArn: applicationArn = '' } = await client.send(
      new CreatePlatformApplicationCommand(application),
    );
    const push = createSnsPush(client);
    const endpoint = await push.register({ ...register, applicationArn });
    expect(endpoint).toContain(':endpoint/GCM/notes/');
    expect(await push.register({ ...register, applicationArn })).toBe(endpoint);
    const device = { ...DEVICE, endpoint };
    await push.send(device, MESSAGE);

    await client.send(
      new SetEndpointAttributesCommand({ EndpointArn: endpoint, Attributes: { Enabled: 'false' } }),
    );
    expect(await failureOf(push.send(device, MESSAGE))).toMatchObject({ reason: 'disabled' });
    expect(await push.register({ ...register, applicationArn })).toBe(endpoint);
    await push.send(device, MESSAGE);
    const { Attributes } = await client.send(new GetEndpointAttributesCommand({ EndpointArn: endpoint }));
    expect(Attributes).toMatchObject({ Token: TOKEN });

    await client.send(new DeleteEndpointCommand({ EndpointArn: endpoint }));
    expect(await failureOf(push.send(device, MESSAGE))).toMatchObject({ reason: 'disabled' });
  });

  it('rejects a device of an unknown application', async () => {
    const push = createSnsPush(client);
    expect(await failureOf(push.register({ ...register, applicationArn: `${APP}-2` }))).toMatchObject({
      reason: 'refused',
    });
  });
});
