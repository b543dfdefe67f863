import type { PayloadBucketAddress } from '../common/function-settings.ts';
import { PAYLOAD_PATH } from '../stream/payload-url.ts';
import { PayloadUploadError, type PayloadUploader } from '../sync/ports/payload-uploader.ts';
import { type FunctionCredentials, fromNodeProviderChain } from './function-credentials.ts';
import { codeOf } from './get-bytes.ts';
import { presignS3 } from './presign-s3.ts';

/** The longest validity of a presigned URL: seven days, in seconds. */
const LINK_SECONDS = 7 * 24 * 60 * 60;
/** The validity, in seconds, of a URL that this process uses immediately. */
const OWN_REQUEST_SECONDS = 300;
/**
 * An upload that is younger than twelve hours is not repeated. The bucket keeps an object for eight days, so the object
 * exists for at least seven and a half days more. The event's link is valid for only seven days after the event is
 * published.
 */
const FRESH_MS = 12 * 60 * 60 * 1000;
/** Time limit of the HEAD request that reads the age of an upload. */
const HEAD_TIMEOUT_MS = 2_000;
/** Time limit of one attempt to upload a payload of up to 8 MiB. */
const TIMEOUT_MS = 5_000;
/**
 * Lambda freezes a function between invocations. A connection that the other side has closed in the meantime fails only
 * at the next request, so one attempt is not enough.
 */
const ATTEMPTS = 2;

const PAYLOAD_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The bucket of the stack in which the service stores the payloads of offloaded events, which are too large for the
 * stream.
 */
export interface PayloadBucket extends PayloadUploader {
  /**
   * Returns a URL that reads the payload of an event with the credentials of this function, regardless of the
   * signature in the event's URL. Returns null if the event's URL does not point to a payload in this bucket.
   *
   * @throws {PayloadUploadError} the function has no credentials
   */
  readableUrl(eventUrl: string): Promise<URL | null>;
}

interface PayloadBucketOptions extends PayloadBucketAddress {
  credentials?: () => Promise<FunctionCredentials>;
  /** Returns the current time in epoch milliseconds. */
  now: () => number;
  timeoutMs?: number;
}

/**
 * Opens the bucket of payloads. The URLs for events are presigned for seven days, the longest time that S3 allows. But
 * a URL that temporary credentials have signed expires with these credentials. Source: Amazon S3 User Guide, "Download
 * and upload objects with presigned URLs". How long the credentials of a function are valid is not documented; hours,
 * not days, must be expected. Therefore this project's own consumer does not depend on the signature: see
 * `readableUrl`.
 *
 * The role of the function that uploads needs `s3:PutObject`, and `s3:GetObject` too: a presigned URL has the
 * permissions of its signer. The role of a reader needs `s3:GetObject` and `s3:ListBucket`.
 */
export function openPayloadBucket({
  bucket,
  region,
  endpoint,
  credentials = fromNodeProviderChain(),
  now,
  timeoutMs = TIMEOUT_MS,
}: PayloadBucketOptions): PayloadBucket {
  const prefix = `${baseUrl(bucket, region, endpoint)}${PAYLOAD_PATH}`;

  async function presign(
    method: 'GET' | 'HEAD' | 'PUT',
    payloadId: string,
    expiresInSeconds: number,
  ): Promise<string> {
    const known = await credentials().catch(() => {
      throw new PayloadUploadError('NoCredentials');
    });
    const url = `${prefix}${payloadId}`;
    return presignS3({ method, url, region, credentials: known, now: now(), expiresInSeconds });
  }

  return {
    async upload(payloadId, body) {
      for (let attempt = 1; ; attempt += 1) {
        try {
          return await put(await presign('PUT', payloadId, OWN_REQUEST_SECONDS), body, timeoutMs);
        } catch (error) {
          const failure = toUploadError(error);
          if (attempt === ATTEMPTS || REFUSED.test(failure.code)) throw failure;
        }
      }
    },

    // For a missing object, S3 answers 403 instead of 404, because the function has no permission to list the bucket.
    // Source: Amazon S3 API Reference, HeadObject.
    async isStored(payloadId) {
      try {
        const response = await fetch(await presign('HEAD', payloadId, OWN_REQUEST_SECONDS), {
          method: 'HEAD',
          redirect: 'manual',
          signal: AbortSignal.timeout(Math.min(HEAD_TIMEOUT_MS, timeoutMs)),
        });
        const storedAt = Date.parse(response.headers.get('last-modified') ?? '');
        return response.ok && now() - storedAt < FRESH_MS;
      } catch {
        return false;
      }
    },

    urlOf: (payloadId) => presign('GET', payloadId, LINK_SECONDS),

    async readableUrl(eventUrl) {
      const [target = ''] = eventUrl.split('?', 1);
      const payloadId = target.startsWith(prefix) ? target.slice(prefix.length) : '';
      if (!PAYLOAD_ID.test(payloadId)) return null;
      return new URL(await presign('GET', payloadId, OWN_REQUEST_SECONDS));
    },
  };
}

/** Codes of errors that a second attempt would return again. */
const REFUSED =
  /^(AccessDenied|NoSuchBucket|NoCredentials|InvalidAccessKeyId|ExpiredToken|SignatureDoesNotMatch)$/;

/** Source: AWS General Reference, "Amazon S3 endpoints and quotas". */
function baseUrl(bucket: string, region: string, endpoint: string | null): string {
  if (endpoint !== null) return `${endpoint}/${bucket}`;
  return `https://${bucket}.s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

/** `fetch` reports every failure of a connection as a TypeError, whose cause has the code. */
function toUploadError(error: unknown): PayloadUploadError {
  if (error instanceof PayloadUploadError) return error;
  return new PayloadUploadError(codeOf(error instanceof TypeError ? (error.cause ?? error) : error));
}

async function put(url: string, body: string, timeoutMs: number): Promise<void> {
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body,
    redirect: 'manual',
    signal: AbortSignal.timeout(timeoutMs),
  });
  const answer = await response.text();
  if (response.ok) return;
  // An error of S3 is XML with one code. The rest is not logged, because it may quote the signed request.
  const [, code] = /<Code>([A-Za-z]{1,60})<\/Code>/.exec(answer) ?? [];
  throw new PayloadUploadError(code ?? `Status${response.status}`);
}
