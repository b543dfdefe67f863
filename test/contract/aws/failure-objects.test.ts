import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { failureObjects } from '../../../lib/aws/failure-objects.ts';
import { SetupError } from '../../../lib/common/errors.ts';

/** Responds like S3: one object is readable, one is denied, and one was deleted since it was listed. */
function respond(path: string): { status: number; body: string } {
  const failed = (status: number, code: string, message: string) => ({
    status,
    body: `<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  });
  if (path === '/failures/good') return { status: 200, body: 'the object' };
  if (path === '/failures/denied') return failed(403, 'AccessDenied', 'Access Denied');
  if (path === '/failures/gone') return failed(404, 'NoSuchKey', 'The specified key does not exist.');
  const contents = ['denied', 'gone', 'good'].map((key) => `<Contents><Key>${key}</Key></Contents>`).join('');
  return { status: 200, body: `<ListBucketResult>${contents}</ListBucketResult>` };
}

describe('objects of a failure destination in S3', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://s3');
      const { status, body } = respond(pathname);
      response.writeHead(status, { 'Content-Type': 'application/xml' }).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    vi.stubEnv('AWS_ENDPOINT_URL', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'caller');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('are read one by one: an unreadable object causes an error of one line, and the next object is still read', async () => {
    const found: string[] = [];
    for await (const { name, read } of failureObjects('s3://failures/')) {
      const result = await read().then(
        (bytes) => Buffer.from(bytes).toString(),
        (error: unknown) => (error instanceof SetupError ? error.message : `unexpected: ${error}`),
      );
      found.push(`${name}: ${result}`);
    }
    expect(found).toEqual([
      'denied: cannot be read: AccessDenied: Access Denied',
      'gone: cannot be read: NoSuchKey: The specified key does not exist.',
      'good: the object',
    ]);
  });
});
