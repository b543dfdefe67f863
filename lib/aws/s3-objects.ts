import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';

export interface S3Objects {
  /** The keys that begin with the prefix, in their order. */
  keys(prefix: string): AsyncIterable<string>;
  get(key: string): Promise<Uint8Array>;
}

/** The objects of a bucket. Region and credentials are those that AWS's own tools would use. */
export function openS3Objects(bucket: string): S3Objects {
  const client = new S3Client({});
  return {
    async *keys(prefix) {
      let ContinuationToken: string | undefined;
      do {
        const page = await client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken }),
        );
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined);
    },
    async get(key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
      return Body ? Body.transformToByteArray() : new Uint8Array();
    },
  };
}
