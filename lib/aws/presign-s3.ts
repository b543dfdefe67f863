import { createHash, createHmac } from 'node:crypto';
import type { FunctionCredentials } from './function-credentials.ts';

interface PresignOptions {
  method: 'GET' | 'HEAD' | 'PUT';
  /** Without a query. Its path contains only characters that need no encoding, and slashes. */
  url: string;
  region: string;
  credentials: FunctionCredentials;
  /** Epoch milliseconds. */
  now: number;
  /** At most 604,800, which is seven days. */
  expiresInSeconds: number;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

/**
 * Presigns a request for an S3 object with Signature Version 4. The signature covers method, host, path and query, but
 * not the body. Temporary credentials end the validity of the URL when they expire.
 *
 * The S3 client of the SDK would do the same, but it is larger than the size limit of the whole bundle of the function
 * `project-stream`.
 *
 * Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
 */
export function presignS3({
  method,
  url,
  region,
  credentials,
  now,
  expiresInSeconds,
}: PresignOptions): string {
  const { host, pathname } = new URL(url);
  const date = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '');
  const scope = [date.slice(0, 8), region, 's3', 'aws4_request'];
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  // S3 signs the parameters in the order of their names.
  const query = [
    ['X-Amz-Algorithm', ALGORITHM],
    ['X-Amz-Credential', [accessKeyId, ...scope].join('/')],
    ['X-Amz-Date', date],
    ['X-Amz-Expires', String(expiresInSeconds)],
    ...(sessionToken ? [['X-Amz-Security-Token', sessionToken]] : []),
    ['X-Amz-SignedHeaders', 'host'],
  ]
    .map(([name = '', value = '']) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  const canonical = [method, pathname, query, `host:${host}`, '', 'host', 'UNSIGNED-PAYLOAD'].join('\n');
  const toSign = [ALGORITHM, date, scope.join('/'), sha256(canonical)].join('\n');
  const key = scope.reduce<string | Buffer>((secret, text) => hmac(secret, text), `AWS4${secretAccessKey}`);
  return `${url}?${query}&X-Amz-Signature=${hmac(key, toSign).toString('hex')}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
