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

  /** Creates a cluster. @returns its identifier */
  async function createCluster(): Promise<string> {
    const response = await fetch(`${moto.endpoint}/cluster`, {
      method: 'POST',
      // The emulator reads the service and the region, but does not verify the signature.
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=deployer/20260101/us-east-1/dsql/aws4_request' },
      body: '{}',
    });
    return JSON.parse(await response.text()).identifier;
  }

  const resource = (type: string, physicalId: string) => ({ logicalId: 'Any', type, physicalId });

  it('do not include streams, buckets and clusters that were deleted', async () => {
    const kept = [
      resource('AWS::Kinesis::Stream', 'kept'),
      resource('AWS::S3::Bucket', 'kept'),
      resource('AWS::DSQL::Cluster', await createCluster()),
      // CloudFormation itself checks whether resources of other types exist.
      resource('AWS::S3::BucketPolicy', 'policy'),
    ];
    const deleted = [
      resource('AWS::Kinesis::Stream', 'deleted'),
      resource('AWS::S3::Bucket', 'deleted'),
      resource('AWS::DSQL::Cluster', 'abcdefghijklmnopqrstuvwxyz'),
    ];
    expect(await findExisting(SETTINGS, [...deleted, ...kept])).toEqual(kept);
  });

  it('include a cluster about which AWS gives no answer: CloudFormation then names the reason', async () => {
    const cluster = [resource('AWS::DSQL::Cluster', 'abcdefghijklmnopqrstuvwxyz')];
    vi.stubEnv('AWS_ENDPOINT_URL_DSQL', 'http://127.0.0.1:1');
    expect(await findExisting(SETTINGS, cluster)).toEqual(cluster);
    vi.stubEnv('AWS_ENDPOINT_URL_DSQL', undefined);
  });
});
