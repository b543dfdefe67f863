import type { PayloadPolicy } from '../common/function-settings.ts';

/**
 * The payload behind a URL can never be had: the URL is not allowed, has expired or leads to nothing, or what lies
 * behind it cannot be a payload. Never quotes the URL: the query string of a presigned one is a secret.
 */
export class PayloadRefusedError extends Error {
  override name = 'PayloadRefusedError';
}

/** The payload could not be had for now; trying again later can help. Never quotes the URL either. */
export class PayloadUnavailableError extends Error {
  override name = 'PayloadUnavailableError';
}

/**
 * Resolves to the bytes behind the URL of an offloaded event.
 *
 * @throws {PayloadRefusedError} they can never be had from there
 * @throws {PayloadUnavailableError} not now; the whole may be tried again
 */
export type FetchPayload = (url: string) => Promise<Uint8Array>;

/** Belongs to no region: whoever owns a bucket there, it is S3 that answers and nothing else. */
const GLOBAL_ENDPOINT = 's3.amazonaws.com';

/** `s3-` is the older spelling of `s3.`. Source: AWS General Reference, "Amazon S3 endpoints and quotas". */
const ENDPOINT_PREFIXES = ['s3.', 's3-', 's3.dualstack.', 's3-fips.', 's3-fips.dualstack.'];

/**
 * One label of a host. Names with dots are legal, but S3's certificate covers one label alone, so that clients name such
 * a bucket in the path. Buckets of the first years may hold more than today's naming rules allow.
 */
const BUCKET = /^[a-z0-9_-]{1,63}$/;

/** Where our own origin has its payloads; nothing else there is one. */
export const PAYLOAD_PATH = '/payloads/';

/** Printable ASCII but for the backslash: the parser would drop some of the others, and read `\` as `/`. */
const URL_CHARACTERS = /^[!-[\]-~]+$/;

/**
 * Reads the URL of an offloaded event, which anyone who can write to the stream may have made up: it has to lead to an
 * S3 endpoint of one of the regions, path style or virtual-hosted style, or to a payload of our own origin.
 *
 * @throws {PayloadRefusedError} the message names what is wrong, and nothing of the URL
 */
export function checkPayloadUrl(text: string, policy: PayloadPolicy): URL {
  const url = URL_CHARACTERS.test(text) ? URL.parse(text) : null;
  if (!url) throw new PayloadRefusedError('the URL is not valid');
  const origin = `${url.protocol}//${url.host}`;
  const isOwn = origin === policy.ownOrigin;
  if (!isOwn && url.protocol !== 'https:') throw new PayloadRefusedError('the scheme is not https');
  if (url.username || url.password) throw new PayloadRefusedError('the URL holds user info');
  if (url.hash) throw new PayloadRefusedError('the URL holds a fragment');
  if (!isOwn && url.port) throw new PayloadRefusedError('the port is not 443');
  // The parser decodes and mends a host; where that was needed, somebody else may read another host there.
  if (!startsWithOrigin(text, origin)) throw new PayloadRefusedError('the host is not spelled out plainly');
  if (!isOwn && !isS3Host(url.hostname, policy.regions)) {
    throw new PayloadRefusedError(`the host is not an S3 endpoint of ${policy.regions.join(', ')}`);
  }
  if (isOwn && !url.pathname.startsWith(PAYLOAD_PATH)) {
    throw new PayloadRefusedError('the path is not one of a payload');
  }
  return url;
}

/**
 * When a presigned URL says that it expires, in epoch milliseconds; null where it does not say so in a form that can be
 * read. Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters" (Signature Version 4) and
 * "Signing and Authenticating REST Requests" (Version 2).
 */
export function expiresAt(url: URL): number | null {
  const query = new Map([...url.searchParams].map(([name, value]) => [name.toLowerCase(), value]));
  const signedAt = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(query.get('x-amz-date') ?? '');
  if (signedAt) {
    const [, year, month, day, hour, minute, second] = signedAt;
    const lifetimeMs = readSeconds(query.get('x-amz-expires'));
    return finite(Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) + lifetimeMs);
  }
  return finite(readSeconds(query.get('expires')));
}

function startsWithOrigin(text: string, origin: string): boolean {
  const spelled = text.toLowerCase();
  return [origin, `${origin}:443`].some(
    (start) => spelled.startsWith(start) && ['', '/', '?', '#'].includes(spelled.charAt(start.length)),
  );
}

function isS3Host(host: string, regions: readonly string[]): boolean {
  return [GLOBAL_ENDPOINT, ...regions.flatMap(endpointsOf)].some(
    (endpoint) =>
      host === endpoint ||
      (host.endsWith(`.${endpoint}`) && BUCKET.test(host.slice(0, -endpoint.length - 1))),
  );
}

function endpointsOf(region: string): string[] {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return ENDPOINT_PREFIXES.map((prefix) => `${prefix}${region}.${domain}`);
}

/** In milliseconds; NaN unless the text is a number of at most ten digits, which reach to the year 2286. */
function readSeconds(text: string | undefined): number {
  return text && /^\d{1,10}$/.test(text) ? Number(text) * 1000 : Number.NaN;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
