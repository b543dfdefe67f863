import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeFirstSecretValue } from '../../../lib/aws/first-secret-value.ts';
import { type MotoServer, noMoto, startMotoServer } from '../../fixtures/aws/moto-server.ts';

if (noMoto)
  console.log('moto_server is not on the PATH: the tests of the first value of a secret are skipped');

const open = (endpoint: string) =>
  new SecretsManagerClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    requestHandler: new NodeHttpHandler(),
  });

describe.skipIf(noMoto)('the first value of a secret', () => {
  let moto: MotoServer;
  let client: SecretsManagerClient;
  beforeAll(async () => {
    moto = await startMotoServer(tmpdir());
    client = open(moto.endpoint);
  }, 60_000);
  afterAll(() => {
    client.destroy();
    moto.close();
  });

  const readValue = async (name: string) =>
    (await client.send(new GetSecretValueCommand({ SecretId: name }))).SecretString;

  it('is written if the secret has no value; a second write is ignored', async () => {
    await client.send(new CreateSecretCommand({ Name: 'keys' }));
    expect(await writeFirstSecretValue(client, 'keys', 'first')).toBe(true);
    expect(await writeFirstSecretValue(client, 'keys', 'second')).toBe(false);
    expect(await readValue('keys')).toBe('first');
  });

  it('never replaces a rotated value', async () => {
    await client.send(new CreateSecretCommand({ Name: 'rotated', SecretString: 'old' }));
    await client.send(new PutSecretValueCommand({ SecretId: 'rotated', SecretString: 'new' }));
    expect(await writeFirstSecretValue(client, 'rotated', 'first')).toBe(false);
    expect(await readValue('rotated')).toBe('new');
  });

  it('causes an error that names the secret, but not the value, if the secret does not exist', async () => {
    const failed = writeFirstSecretValue(client, 'missing', 'hunter2');
    await expect(failed).rejects.toThrow(/^the secret missing cannot be written: ResourceNotFoundException/);
    await expect(failed).rejects.not.toThrow('hunter2');
  });
});

it('writeFirstSecretValue returns false if another deployment writes the first value concurrently', async () => {
  const written: string[] = [];
  // The other deployment writes its value between DescribeSecret, which finds none, and PutSecretValue, which fails.
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray()).toString();
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (request.headers['x-amz-target'] === 'secretsmanager.DescribeSecret') return response.end('{}');
    written.push(JSON.parse(body).ClientRequestToken);
    response.statusCode = 400;
    return response.end('{"__type":"ResourceExistsException","message":"exists"}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const client = open(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
  expect(await writeFirstSecretValue(client, 'keys', 'first')).toBe(false);
  // Every deployment gives the first version this id, so Secrets Manager accepts only the earlier of the two writes.
  expect(written).toEqual(['00000000-0000-4000-8000-000000000001']);
  client.destroy();
  server.close();
});
