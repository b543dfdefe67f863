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

/** Error of a mobile SDK for an unsuccessful response. Its callers branch on `code`. */
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
  /** Encoded as on the request line, with `:` as `%3A`. */
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: Json;
  /** Without credentials, the request is not signed. */
  credentials?: MobileCredentials;
}

/**
 * Sends requests and reads errors as the last mobile SDKs do, Android 2.20 and iOS 2.19. They send the content type of
 * the JSON protocol even without a body.
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

/** Signs as the mobile SDKs do: the signature covers the body hash, but no header contains it. */
function signerOf(credentials: MobileCredentials): SignatureV4 {
  return new SignatureV4({
    credentials,
    region: 'us-east-1',
    service: 'cognito-sync',
    sha256: Sha256,
    applyChecksum: false,
  });
}

function read(platform: Platform, response: RawAnswer): Json {
  const body: unknown = response.body === '' ? {} : JSON.parse(response.body);
  if (!isObject(body)) throw new TypeError('the response is not a JSON object');
  if (response.status >= 200 && response.status < 300) return body;
  throw new MobileError(response.status, codeOf(platform, response, body), textOf(body.message));
}

/** Returns the error code. iOS reads only the header; Android falls back to the body. Both stop at the first colon. */
function codeOf(platform: Platform, { headerLines }: RawAnswer, { __type }: Json): string {
  const header = findHeader(headerLines, 'x-amzn-ErrorType');
  if (header !== undefined) return header.split(':')[0] ?? '';
  return platform === 'android' ? (textOf(__type).split('#').at(-1) ?? '') : '';
}

/** Finds a header by its exact case, because Android stores headers in a case-sensitive map. */
function findHeader(lines: readonly string[], name: string): string | undefined {
  return lines
    .find((line) => line.startsWith(`${name}:`))
    ?.slice(name.length + 1)
    .trim();
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
