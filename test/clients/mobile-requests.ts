import { SignatureV4 } from '@smithy/signature-v4';
import { isObject } from '../../lib/common/json.ts';
import { type RawAnswer, sendRaw } from '../fixtures/wire/raw-http.ts';
import { Sha256 } from '../fixtures/wire/signing.ts';

export type Platform = 'android' | 'ios';

export interface MobileCredentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
}

/** What a mobile SDK makes of an answer that is none of success: `code` is what its callers branch on. */
export class MobileError extends Error {
  override name = 'MobileError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export type Json = Record<string, unknown>;

interface MobileRequest {
  method: string;
  /** Encoded as it goes on the request line, `:` as `%3A`. */
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Json;
  /** None: what is asked without a signature. */
  credentials?: MobileCredentials;
}

/**
 * Sends requests as the last mobile SDKs do, Android 2.20 and iOS 2.19: with the content type of the JSON protocol even
 * where there is no body, and reads errors as they do.
 */
export function createMobileRequests({
  platform,
  url,
}: {
  platform: Platform;
  url: string;
}): (request: MobileRequest) => Promise<Json> {
  const { hostname, host, port } = new URL(url);
  return async ({ method, path, query = {}, headers = {}, body, credentials }) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const request = {
      method,
      protocol: 'http:',
      hostname,
      path,
      query,
      headers: { Host: host, 'Content-Type': 'application/x-amz-json-1.1', ...headers },
      body: text,
    };
    const signed = credentials === undefined ? request : await signerOf(credentials).sign(request);
    const search = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
    const target = search.length === 0 ? path : `${path}?${search.join('&')}`;
    return read(platform, await sendRaw(Number(port), method, target, signed.headers, text));
  };
}

/** The mobile SDKs hash the body into the signature, but do not say so in a header. */
function signerOf(credentials: MobileCredentials): SignatureV4 {
  return new SignatureV4({
    credentials,
    region: 'us-east-1',
    service: 'cognito-sync',
    sha256: Sha256,
    applyChecksum: false,
  });
}

function read(platform: Platform, answer: RawAnswer): Json {
  const body: unknown = answer.body === '' ? {} : JSON.parse(answer.body);
  if (!isObject(body)) throw new TypeError('the answer is no JSON object');
  if (answer.status >= 200 && answer.status < 300) return body;
  throw new MobileError(answer.status, codeOf(platform, answer, body), textOf(body.message));
}

/** iOS reads the header alone; Android the body where there is no such header. Both stop at the first colon. */
function codeOf(platform: Platform, { headerLines }: RawAnswer, { __type }: Json): string {
  const header = findHeader(headerLines, 'x-amzn-ErrorType');
  if (header !== undefined) return header.split(':')[0] ?? '';
  return platform === 'android' ? (textOf(__type).split('#').at(-1) ?? '') : '';
}

/** Android keeps the headers in a map that tells upper case from lower. */
function findHeader(lines: readonly string[], name: string): string | undefined {
  return lines
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim();
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
