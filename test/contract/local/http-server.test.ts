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
let server: HttpServer;
const rejected: unknown[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'port-'));
  kinesis = createKinesisEmulator(
    join(directory, 'kinesis'),
    createSigV4Verifier({ region: 'us-east-1', findCredentials, now: Date.now }),
  );
  server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    routes: [kinesis],
    logger: { error: console.error, debug: (message, { code }) => rejected.push({ message, code }) },
  });
});
afterAll(async () => {
  await server.close();
  await kinesis.close();
  await rm(directory, { recursive: true, force: true });
});

async function send(headers: Record<string, string>, body = '{}', method = 'POST') {
  const outgoing = request({
    host: '127.0.0.1',
    port: server.port,
    method,
    path: '/',
    headers,
    setHost: !('Host' in headers),
  });
  // The server may respond and close the connection without reading the entire body. This error is expected.
  outgoing.on('error', () => undefined);
  outgoing.end(body);
  const [response] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return { status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString() };
}

const TARGET = {
  'X-Amz-Target': 'Kinesis_20131202.ListStreams',
  'Content-Type': 'application/x-amz-json-1.1',
};

/** Returns the headers of a request that is signed with the developer's key. */
async function signed(operation: string, body: string): Promise<Record<string, string>> {
  const { headers } = await localSigner('kinesis').sign({
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: server.port,
    path: '/',
    headers: { ...TARGET, 'X-Amz-Target': `Kinesis_20131202.${operation}`, host: `127.0.0.1:${server.port}` },
    body,
  });
  return headers;
}

describe('the HTTP server', () => {
  it.each(['evil.example', 'evil.example:4580', '127.0.0.1.evil.example', 'localhost.evil', '[::2]', ''])(
    'rejects the foreign host "%s"',
    async (Host) => {
      expect(await send({ ...TARGET, Host })).toMatchObject({
        status: 403,
        body: '{"message":"this Host is not allowed; use localhost"}',
      });
    },
  );

  it.each(['127.0.0.1', 'localhost:9999', 'LOCALHOST', '[::1]:4580'])('accepts the host %s', async (Host) => {
    expect(await send({ ...TARGET, Host })).toMatchObject({
      status: 400,
      body: expect.stringContaining('MissingAuthenticationTokenException'),
    });
  });

  it.each(['https://evil.example', 'null', 'http://localhost:3000', 'https://127.0.0.1'])(
    'rejects the foreign origin %s',
    async (Origin) => {
      const response = await send({ ...TARGET, Origin, Host: '127.0.0.1:4580' });
      expect(response).toMatchObject({ status: 403, body: '{"message":"this Origin is not allowed"}' });
      expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect((await send({ ...TARGET, Origin, Host: '127.0.0.1:4580' }, '', 'OPTIONS')).status).toBe(403);
    },
  );

  it('sends no CORS headers, so that pages of other origins cannot read its responses', async () => {
    const response = await send({ ...TARGET, Origin: 'http://127.0.0.1:4580', Host: '127.0.0.1:4580' });
    expect(response.status).toBe(400);
    expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('returns 404 for an unknown operation', async () => {
    expect(await send({})).toMatchObject({ status: 404 });
    expect(await send({ 'X-Amz-Target': 'DynamoDB_20120810.ListTables' })).toMatchObject({ status: 404 });
  });

  it('returns 413 for a body above the limit, unless it already rejects the head of the request', async () => {
    const body = 'x'.repeat(8 * 1024 * 1024 + 1);
    expect(await send(await signed('ListStreams', body), body)).toMatchObject({ status: 413 });
    expect(rejected).toEqual([{ message: 'a request was rejected', code: 'RequestEntityTooLarge' }]);
    expect(await send(TARGET, body)).toMatchObject({
      status: 400,
      body: expect.stringContaining('MissingAuthenticationTokenException'),
    });
  });

  it('survives clients that disconnect, and data that is not HTTP', async () => {
    for (const bytes of [
      'GARBAGE\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf',
      '\0\0\0\0',
      'POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ]) {
      const socket = connect(server.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write(bytes);
      await once(socket, 'connect');
      socket.destroy();
    }
    expect(await send({})).toMatchObject({ status: 404 });
  });
});

describe('Kinesis on the HTTP server', () => {
  it('accepts signed requests', async () => {
    const client = localKinesis(`http://127.0.0.1:${server.port}`);
    await ensureStream(client, 'cognito-sync');
    await ensureStream(client, 'cognito-sync');
    await put(client, { any: 'thing' });
    client.destroy();
  });

  it('returns an error after an unexpected failure of the emulator, and keeps running', async () => {
    const client = localKinesis(`http://127.0.0.1:${server.port}`);
    const failing = client.send(new ListShardsCommand({ NextToken: 'unknown token id' }));
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
  ])('rejects %s with null in a list, because it would crash the emulator', async (operation, input) => {
    const body = JSON.stringify(input);
    const response = await send(await signed(operation, body), body);
    expect(response.status).toBe(400);
    expect(JSON.parse(response.body)).toMatchObject({ __type: 'SerializationException' });
  });

  it.each([
    ['no signature', {}, 'MissingAuthenticationTokenException'],
    ['another authorization scheme', { Authorization: 'Bearer x' }, 'IncompleteSignatureException'],
    [
      'an unknown access key',
      {
        Authorization:
          'AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=00',
        'X-Amz-Date': '20260101T000000Z',
      },
      'UnrecognizedClientException',
    ],
  ])('rejects a request with %s', async (_, headers, code) => {
    const response = await send({ ...TARGET, ...headers });
    expect(response.status).toBe(400);
    expect(JSON.parse(response.body)).toMatchObject({ __type: code });
  });
});
