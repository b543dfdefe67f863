import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Caller } from '../common/caller.ts';
import { canonicalRequest, header, type RawRequest, type RequestHead, sha256 } from './canonical-request.ts';

export type { RawRequest };

export type SignatureErrorCode =
  | 'MissingAuthenticationTokenException'
  | 'IncompleteSignatureException'
  | 'UnrecognizedClientException'
  | 'ExpiredTokenException'
  | 'InvalidSignatureException';

/**
 * The signature is missing, malformed, incorrect, or made with unknown credentials. `code` is the error code of AWS.
 */
export class SignatureError extends Error {
  override name = 'SignatureError';
  readonly code: SignatureErrorCode;

  constructor(code: SignatureErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface SigV4Options {
  region: string;
  /** Finds the owner of an access key. */
  findCredentials: FindCredentials;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface KnownCredentials {
  secretAccessKey: string;
  caller: Caller;
}

/**
 * Finds the credentials for an access key and the session token that was sent with it, if any. Returns undefined if the
 * credentials are unknown.
 *
 * @throws {SignatureError} ExpiredTokenException, or another error with a more specific message
 */
export type FindCredentials = (
  accessKeyId: string,
  sessionToken: string | undefined,
) => KnownCredentials | undefined;

/**
 * A signature whose credentials, date, scope and signed headers are checked. The signature itself covers the body, so
 * it can be verified only once the body is received.
 */
export interface PendingSignature {
  /** The owner of the credentials that the request names. It is the caller only if the signature is confirmed. */
  claimant: Caller;
  /**
   * Verifies the signature and returns the caller.
   * @throws {SignatureError} the signature does not match
   */
  confirm(body: Uint8Array): Caller;
}

/** Verifies one request in two steps, so that a request can be rejected before its body is read. */
export type SigV4Verifier = (head: RequestHead, service: string) => PendingSignature;

const ALGORITHM = 'AWS4-HMAC-SHA256';
const BASIC_FORMAT = /^\d{8}T\d{6}Z$/;
const MAX_SKEW_MS = 15 * 60 * 1000;
/**
 * Maximum number of cached signing keys. Each set of credentials in use has one key of about 500 bytes, so the cache
 * takes at most 5 MB.
 */
const MAX_CACHED_KEYS = 10_000;

/**
 * Creates a verifier for AWS Signature Version 4 in the Authorization header. The signature must cover the raw request
 * target and every `host` and `x-amz-*` header. Its date must be within 15 minutes of the current time. Its scope must
 * be this region and service. Signatures are compared in constant time. Source: IAM User Guide, "Create a signed AWS
 * API request".
 *
 * @returns a function that throws {SignatureError} if the head is enough to reject the request: no signature, unknown
 *   or expired credentials, a wrong date or scope, or an unsigned header
 */
export function createSigV4Verifier({ region, findCredentials, now }: SigV4Options): SigV4Verifier {
  // Cache derived keys: derivation is most of the work, and the key is the same for all requests of a day.
  const keys = new Map<string, KeyObject>();

  function signingKey(secret: string, day: string, service: string): KeyObject {
    const name = JSON.stringify([secret, day, service]);
    const cached = keys.get(name);
    if (cached) return cached;
    const derived = [day, region, service, 'aws4_request'].reduce<Buffer>(
      (key, text) => hmac(key, text),
      Buffer.from(`AWS4${secret}`),
    );
    const key = createSecretKey(derived);
    if (keys.size >= MAX_CACHED_KEYS) keys.clear();
    keys.set(name, key);
    return key;
  }

  return (head, service) => {
    const { accessKeyId, scope, signedHeaders, signature } = readAuthorization(head);
    const [day = ''] = scope;
    const known = findCredentials(accessKeyId, header(head, 'x-amz-security-token'));
    if (known === undefined) {
      throw new SignatureError(
        'UnrecognizedClientException',
        'The security token included in the request is invalid.',
      );
    }
    const date = readDate(head, now());
    requireScope(scope, [date.slice(0, 8), region, service, 'aws4_request']);
    requireSigned(head, signedHeaders);
    return {
      claimant: known.caller,
      confirm(body) {
        const canonical = canonicalRequest({ ...head, body }, signedHeaders);
        const toSign = [ALGORITHM, date, scope.join('/'), sha256(canonical)].join('\n');
        const expected = hmac(signingKey(known.secretAccessKey, day, service), toSign);
        const given = Buffer.from(signature, 'hex');
        if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
          throw invalid(
            'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
          );
        }
        return known.caller;
      },
    };
  };
}

interface Authorization {
  accessKeyId: string;
  /** The day, the region, the service and `aws4_request`. */
  scope: string[];
  signedHeaders: string[];
  signature: string;
}

function readAuthorization(request: RequestHead): Authorization {
  const authorization = header(request, 'authorization');
  if (authorization === undefined) {
    throw new SignatureError('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const [algorithm, ...rest] = authorization.trim().split(/\s+/);
  if (algorithm !== ALGORITHM) throw incomplete(`Authorization header is not of ${ALGORITHM}.`);
  const parameters = new Map(
    rest
      .join('')
      .split(',')
      .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  const [credential, signedHeaders, signature] = ['Credential', 'SignedHeaders', 'Signature'].map((name) => {
    const value = parameters.get(name);
    if (!value) throw incomplete(`Authorization header requires '${name}' parameter.`);
    return value;
  });
  const parts = String(credential).split('/');
  if (parts.length < 5) throw incomplete('Credential must have at least 5 slash-delimited elements.');
  return {
    accessKeyId: parts.slice(0, -4).join('/'),
    scope: parts.slice(-4),
    signedHeaders: String(signedHeaders).split(';'),
    signature: String(signature),
  };
}

/** Returns the time of the signature as `YYYYMMDD'T'HHMMSS'Z'`. */
function readDate(request: RequestHead, now: number): string {
  const given = header(request, 'x-amz-date') ?? header(request, 'date');
  if (given === undefined) {
    throw incomplete("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
  }
  const isBasic = BASIC_FORMAT.test(given);
  const at = Date.parse(isBasic ? toExtended(given) : given);
  if (Number.isNaN(at)) throw incomplete('Date must be in ISO-8601 basic format.');
  const date = isBasic ? given : toBasic(at);
  if (at < now - MAX_SKEW_MS) {
    throw invalid(
      `Signature expired: ${date} is now earlier than ${toBasic(now - MAX_SKEW_MS)} (${toBasic(now)} - 15 min.)`,
    );
  }
  if (at > now + MAX_SKEW_MS) {
    throw invalid(
      `Signature not yet current: ${date} is still later than ${toBasic(now + MAX_SKEW_MS)} (${toBasic(now)} + 15 min.)`,
    );
  }
  return date;
}

/** Converts `YYYYMMDD'T'HHMMSS'Z'` to the format that `Date.parse` reads. */
function toExtended(basic: string): string {
  const [year, month, day] = [basic.slice(0, 4), basic.slice(4, 6), basic.slice(6, 8)];
  return `${year}-${month}-${day}T${basic.slice(9, 11)}:${basic.slice(11, 13)}:${basic.slice(13)}`;
}

function toBasic(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
}

function requireScope(scope: readonly string[], expected: readonly string[]): void {
  const [day, region, service, terminator] = scope;
  if (day !== expected[0])
    throw invalid(
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.',
    );
  if (region !== expected[1])
    throw invalid(`Credential should be scoped to a valid region: '${expected[1]}'.`);
  if (service !== expected[2])
    throw invalid(`Credential should be scoped to correct service: '${expected[2]}'.`);
  if (terminator !== expected[3])
    throw invalid(`Credential should be scoped with a valid terminator: '${expected[3]}'.`);
}

/**
 * Rejects an unsigned `host` or `x-amz-*` header. These headers determine what the request does, and unsigned headers
 * could be changed in transit.
 */
function requireSigned({ headers }: RequestHead, signedHeaders: readonly string[]): void {
  const unsigned = Object.keys(headers).find(
    (name) => (name === 'host' || name.startsWith('x-amz-')) && !signedHeaders.includes(name),
  );
  if (unsigned !== undefined)
    throw invalid(`'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`);
}

function hmac(key: Buffer | KeyObject, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function invalid(message: string): SignatureError {
  return new SignatureError('InvalidSignatureException', message);
}

function incomplete(message: string): SignatureError {
  return new SignatureError('IncompleteSignatureException', message);
}
