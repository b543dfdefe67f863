import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';

export interface S3Objects {
  /** Returns the keys with the prefix, in order. */
  keys(prefix: string): AsyncIterable<string>;
  get(key: string): Promise<Uint8Array>;
}

/** Opens the objects of a bucket. Region and credentials come from the same sources as for AWS's own tools. */
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
