import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateStreamCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { afterAll, beforeAll, describe, expect, inject, it, vi } from 'vitest';
import { findExisting } from '../../infra/stack/deployment/find-existing.ts';
import { type MotoServer, noMoto, startMotoServer } from '../fixtures/aws/moto-server.ts';

const SETTINGS = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'deployer', secretAccessKey: 'secret' },
};

describe.skipIf(noMoto)('the retained resources that still exist', () => {
  let moto: MotoServer;
  beforeAll(async () => {
    moto = await startMotoServer(await mkdtemp(join(inject('runFolder'), 'moto-')));
    vi.stubEnv('AWS_ENDPOINT_URL', moto.endpoint);
    const settings = { ...SETTINGS, endpoint: moto.endpoint, requestHandler: new NodeHttpHandler() };
    const kinesis = new KinesisClient(settings);
    await kinesis.send(new CreateStreamCommand({ StreamName: 'kept', ShardCount: 1 }));
    const s3 = new S3Client({ ...settings, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'kept' }));
    kinesis.destroy();
    s3.destroy();
  }, 60_000);
  afterAll(() => {
    vi.unstubAllEnvs();
    moto.close();
  });

  const resource = (type: string, physicalId: string) => ({ logicalId: 'Any', type, physicalId });

  it('do not include streams and buckets that were deleted', async () => {
    const kept = [
      resource('AWS::Kinesis::Stream', 'kept'),
      resource('AWS::S3::Bucket', 'kept'),
      // CloudFormation checks the others itself.
      resource('AWS::S3::BucketPolicy', 'policy'),
      resource('AWS::DSQL::Cluster', 'cluster'),
    ];
    const deleted = [resource('AWS::Kinesis::Stream', 'deleted'), resource('AWS::S3::Bucket', 'deleted')];
    expect(await findExisting(SETTINGS, [...deleted, ...kept])).toEqual(kept);
  });
});
