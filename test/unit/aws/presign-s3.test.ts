import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, it } from 'vitest';
import { presignS3 } from '../../../lib/aws/presign-s3.ts';
import { Sha256 } from '../../fixtures/wire/signing.ts';

describe('presignS3', () => {
  it("returns the URL of AWS's own example", () => {
    // Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
    const url = presignS3({
      method: 'GET',
      url: 'https://examplebucket.s3.amazonaws.com/test.txt',
      region: 'us-east-1',
      credentials: {
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
      },
      now: Date.UTC(2013, 4, 24),
      expiresInSeconds: 86_400,
    });
    expect(url).toBe(
      'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
        '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
        '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
        '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
    );
  });

  it.each(['GET', 'PUT'] as const)(
    'signs a %s with temporary credentials as the SDK does',
    async (method) => {
      const credentials = { accessKeyId: 'ASIA', secretAccessKey: 's/e+c', sessionToken: 't/o+k=e n' };
      const at = new Date('2026-01-02T03:04:05.678Z');
      const path = '/payloads/00000000-0000-4000-8000-000000000001';
      const region = 'eu-central-1';
      const url = new URL(
        presignS3({
          method,
          url: `http://127.0.0.1:9000/bucket${path}`,
          region,
          credentials,
          now: at.getTime(),
          expiresInSeconds: 604_800,
        }),
      );
      const signer = new SignatureV4({
        credentials,
        region,
        service: 's3',
        sha256: Sha256,
        uriEscapePath: false,
        applyChecksum: false,
      });
      const { query = {} } = await signer.presign(
        {
          method,
          protocol: 'http:',
          hostname: '127.0.0.1',
          port: 9000,
          path: `/bucket${path}`,
          headers: { host: '127.0.0.1:9000', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
        },
        {
          signingDate: at,
          expiresIn: 604_800,
          unhoistableHeaders: new Set(['x-amz-content-sha256']),
          unsignableHeaders: new Set(['x-amz-content-sha256']),
        },
      );
      expect(Object.fromEntries(url.searchParams)).toEqual(query);
    },
  );
});
