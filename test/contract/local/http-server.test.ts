import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ListShardsCommand } from '@aws-sdk/client-kinesis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpServer, startHttpServer } from '../../../infra/local/http/http-server.ts';
import { createKinesisEmulator, type KinesisEmulator } from '../../../infra/local/kinesis/kinesis.ts';
import { ensureStream } from '../../../lib/aws/kinesis-stream.ts';
import { createSigV4Verifier } from '../../../lib/wire/sigv4.ts';
import { localKinesis, put } from '../../fixtures/aws/kinesis.ts';
import { findCredentials, localSigner } from '../../fixtures/wire/signing.ts';

let directory: string;
let kinesis: KinesisEmulator;
let port: HttpServer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'port-'));
  kinesis = createKinesisEmulator(
    join(directory, 'kinesis'),
    createSigV4Verifier({ region: 'us-east-1', findCredentials, now: Date.now }),
  );
  port = await startHttpServer({ host: '127.0.0.1', port: 0, routes: [kinesis] });
});
afterAll(async () => {
  await port.close();
  await kinesis.close();
  await rm(directory, { recursive: true, force: true });
});

async function send(headers: Record<string, string>, body = '{}', method = 'POST') {
  const outgoing = request({
    host: '127.0.0.1',
    port: port.port,
    method,
    path: '/',
    headers,
    setHost: !('Host' in headers),
  });
  outgoing.end(body);
  const [answer] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString() };
}

const TARGET = {
  'X-Amz-Target': 'Kinesis_20131202.ListStreams',
  'Content-Type': 'application/x-amz-json-1.1',
};

describe('the port', () => {
  it.each(['evil.example', 'evil.example:4580', '127.0.0.1.evil.example', 'localhost.evil', '[::2]', ''])(
    'refuses the foreign host "%s"',
    async (Host) => {
      expect(await send({ ...TARGET, Host })).toMatchObject({
        status: 403,
        body: '{"message":"this Host is not allowed"}',
      });
    },
  );

  it.each(['127.0.0.1', 'localhost:9999', 'LOCALHOST', '[::1]:4580'])('knows itself as %s', async (Host) => {
    expect(await send({ ...TARGET, Host })).toMatchObject({
      status: 400,
      body: expect.stringContaining('MissingAuthenticationTokenException'),
    });
  });

  it.each(['https://evil.example', 'null', 'http://localhost:3000', 'https://127.0.0.1'])(
    'refuses the foreign origin %s',
    async (Origin) => {
      const answer = await send({ ...TARGET, Origin, Host: '127.0.0.1:4580' });
      expect(answer).toMatchObject({ status: 403, body: '{"message":"this Origin is not allowed"}' });
      expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect((await send({ ...TARGET, Origin, Host: '127.0.0.1:4580' }, '', 'OPTIONS')).status).toBe(403);
    },
  );

  it('gives nobody permission to read from another origin', async () => {
    const answer = await send({ ...TARGET, Origin: 'http://127.0.0.1:4580', Host: '127.0.0.1:4580' });
    expect(answer.status).toBe(400);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('says so where nothing is served', async () => {
    expect(await send({})).toMatchObject({ status: 404 });
    expect(await send({ 'X-Amz-Target': 'DynamoDB_20120810.ListTables' })).toMatchObject({ status: 404 });
  });

  it('refuses a body that is too large', async () => {
    expect(await send(TARGET, 'x'.repeat(8 * 1024 * 1024 + 1))).toMatchObject({ status: 413 });
  });

  it('lives through clients that break off, and through what is not HTTP', async () => {
    for (const bytes of [
      'GARBAGE\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf',
      '\0\0\0\0',
      'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ]) {
      const socket = connect(port.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(bytes);
      await once(socket, 'connect');
      socket.destroy();
    }
    expect(await send({})).toMatchObject({ status: 404 });
  });
});

describe('Kinesis behind it', () => {
  it('takes what is signed', async () => {
    const client = localKinesis(`http://127.0.0.1:${port.port}`);
    await ensureStream(client, 'cognito-sync');
    await ensureStream(client, 'cognito-sync');
    await put(client, { any: 'thing' });
    client.destroy();
  });

  it('answers with an error, and lives on, where the emulator did not expect to fail', async () => {
    const client = localKinesis(`http://127.0.0.1:${port.port}`);
    const failing = client.send(new ListShardsCommand({ NextToken: 'nobody made this' }));
    await expect(failing).rejects.toMatchObject({
      name: 'InternalFailure',
      $metadata: { httpStatusCode: 500 },
    });
    await put(client, { any: 'thing' });
    client.destroy();
  });

  it.each([
    ['PutRecords', { StreamName: 'cognito-sync', Records: [null] }],
    ['AddTagsToStream', { StreamName: 'cognito-sync', Tags: { a: [null] } }],
    ['RemoveTagsFromStream', { StreamName: 'cognito-sync', TagKeys: ['a', null] }],
  ])('refuses %s with nothing in a list, which would end the emulator', async (operation, input) => {
    const body = JSON.stringify(input);
    const request = {
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      port: port.port,
      path: '/',
      headers: {
        ...TARGET,
        'X-Amz-Target': `Kinesis_20131202.${operation}`,
        host: `127.0.0.1:${port.port}`,
      },
      body,
    };
    const { headers } = await localSigner('kinesis').sign(request);
    const answer = await send(headers, body);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ __type: 'SerializationException' });
  });

  it.each([
    ['nothing', {}, 'MissingAuthenticationTokenException'],
    ['something else', { Authorization: 'Bearer x' }, 'IncompleteSignatureException'],
    [
      'a key nobody knows',
      {
        Authorization:
          'AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00',
        'X-Amz-Date': '20260101T000000Z',
      },
      'UnrecognizedClientException',
    ],
  ])('refuses what is signed with %s', async (_, headers, code) => {
    const answer = await send({ ...TARGET, ...headers });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ __type: code });
  });
});
