import { tmpdir } from 'node:os';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { failureObjects } from '../../../lib/aws/failure-objects.ts';
import { type MotoServer, noMoto, startMotoServer } from '../../fixtures/aws/moto-server.ts';

/** Keys in one page of a listing. S3 returns up to 1,000. */
const PAGE = 5;

if (noMoto) console.log('moto_server is not on the PATH: the test of reading objects from S3 is skipped');

describe.skipIf(noMoto)('a failure destination in S3', () => {
  let moto: MotoServer;
  let client: S3Client;
  beforeAll(async () => {
    moto = await startMotoServer(tmpdir(), { MOTO_S3_DEFAULT_MAX_KEYS: String(PAGE) });
    vi.stubEnv('AWS_ENDPOINT_URL', moto.endpoint);
    vi.stubEnv('AWS_REGION', 'us-east-1');
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'caller');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
    client = new S3Client({});
    await client.send(new CreateBucketCommand({ Bucket: 'failures' }));
  }, 40_000);
  afterAll(() => {
    vi.unstubAllEnvs();
    client.destroy();
    moto.close();
  });

  it('is read completely, object by object, below the prefix', { timeout: 60_000 }, async () => {
    const keys = Array.from(
      { length: 2 * PAGE + 1 },
      (_, index) => `aws/lambda/${String(index).padStart(4, '0')}`,
    );
    for (const Key of [...keys, 'other/object']) {
      await client.send(new PutObjectCommand({ Bucket: 'failures', Key, Body: `body of ${Key}` }));
    }
    const page = await client.send(new ListObjectsV2Command({ Bucket: 'failures' }));
    expect(page).toMatchObject({ IsTruncated: true, KeyCount: PAGE });
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
