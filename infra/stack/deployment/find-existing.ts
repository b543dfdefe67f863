import { DescribeStreamSummaryCommand, KinesisClient } from '@aws-sdk/client-kinesis';
import { HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { findCluster } from './find-cluster.ts';
import type { RetainedResource } from './plan-deployment.ts';

/** Where the resources are, and the credentials of the deployment. */
type ClientSettings = Pick<ConstructorParameters<typeof S3Client>[0] & object, 'region' | 'credentials'>;

const NOT_FOUND = /^(ResourceNotFoundException|NotFound|NoSuchBucket)$/;

/**
 * Returns the retained resources without the streams, buckets and clusters that were deleted since the stack was
 * removed. Resources of other types are not checked. Among these, only the policy of a bucket can be imported, and only
 * together with its bucket.
 */
export async function findExisting(
  settings: ClientSettings,
  retained: readonly RetainedResource[],
): Promise<RetainedResource[]> {
  // HTTP/1.1, as for all other services: by default, the client uses HTTP/2, which emulators do not support.
  const kinesis = new KinesisClient({ ...settings, requestHandler: new NodeHttpHandler() });
  const s3 = new S3Client(settings);
  const look = ({ type, physicalId }: RetainedResource): Promise<unknown> | undefined => {
    if (type === 'AWS::Kinesis::Stream') {
      return kinesis.send(new DescribeStreamSummaryCommand({ StreamName: physicalId }));
    }
    if (type === 'AWS::S3::Bucket') return s3.send(new HeadBucketCommand({ Bucket: physicalId }));
    return type === 'AWS::DSQL::Cluster' ? findCluster(kinesis.config, physicalId) : undefined;
  };
  const existing: RetainedResource[] = [];
  try {
    for (const resource of retained) if (await exists(look(resource))) existing.push(resource);
  } finally {
    kinesis.destroy();
    s3.destroy();
  }
  return existing;
}

/**
 * Assumes that a resource exists if the credentials may not read it. CloudFormation then rejects the import and names
 * the missing permission.
 */
async function exists(looking: Promise<unknown> | undefined): Promise<boolean> {
  try {
    await looking;
    return true;
  } catch (error) {
    return !(error instanceof Error && NOT_FOUND.test(error.name));
  }
}
