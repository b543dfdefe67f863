import { spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { failureObjects } from '../../../lib/aws/failure-objects.ts';

const missing = spawnSync('moto_server', ['--help']).status !== 0;
if (missing) console.log('moto_server is not on the PATH: the test of reading objects from S3 is skipped');

describe.skipIf(missing)('a failure destination in S3', () => {
  let moto: ReturnType<typeof spawn>;
  let client: S3Client;
  beforeAll(async () => {
    const port = await freePort();
    moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
    const endpoint = `http://127.0.0.1:${port}`;
    vi.stubEnv('AWS_ENDPOINT_URL', endpoint);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'caller');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    client = new S3Client({});
    await vi.waitFor(() => fetch(endpoint), { timeout: 30_000, interval: 100 });
    await client.send(new CreateBucketCommand({ Bucket: 'failures' }));
  }, 40_000);
  afterAll(() => {
    vi.unstubAllEnvs();
    client.destroy();
    moto.kill('SIGKILL');
  });

  it('is read completely, object by object, below the prefix', { timeout: 60_000 }, async () => {
    // These are more keys than one page of a listing, which has 1,000.
    const keys = Array.from({ length: 1_001 }, (_, index) => `aws/lambda/${String(index).padStart(4, '0')}`);
    for (const Key of [...keys, 'other/object']) {
      await client.send(new PutObjectCommand({ Bucket: 'failures', Key, Body: `body of ${Key}` }));
    }
    const found: string[] = [];
    for await (const { name, read } of failureObjects('s3://failures/aws/lambda/')) {
      found.push(name);
      if (found.length === 1) expect(Buffer.from(await read()).toString()).toBe(`body of ${name}`);
    }
    expect(found).toEqual(keys);
  });

  it('is named in the error if it does not exist', async () => {
    const reading = failureObjects('s3://nowhere/').next();
    await expect(reading).rejects.toThrow(/^s3:\/\/nowhere\/ cannot be read: /);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
