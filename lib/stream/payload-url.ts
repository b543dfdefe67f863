import type { PayloadPolicy } from '../common/function-settings.ts';
import { PayloadRefusedError } from './ports/fetch-payload.ts';

/** An older endpoint of us-east-1. Its name contains no region. Source: endpoints.json of botocore. */
const NORTH_VIRGINIA_ENDPOINT = 's3-external-1.amazonaws.com';

/**
 * The endpoint without a region. A request to this host name always reaches S3 and no other server, regardless of who
 * owns the bucket.
 */
const GLOBAL_ENDPOINT = 's3.amazonaws.com';

/**
 * Prefixes of the host names of regional endpoints; `s3-` is the older spelling of `s3.`. Source: AWS General
 * Reference, "Amazon S3 endpoints and quotas".
 */
const ENDPOINT_PREFIXES = ['s3.', 's3-', 's3.dualstack.', 's3-fips.', 's3-fips.dualstack.'];

/**
 * A bucket name that is one label of a host. Names with dots are legal, but S3's certificate covers only one label, so
 * clients put such a bucket in the path. Buckets from S3's first years may contain characters that today's naming rules
 * do not allow.
 */
const BUCKET = /^[a-z0-9_-]{1,63}$/;

/** Path prefix of all payloads on this service's own origin. Nothing else on that origin is a payload. */
export const PAYLOAD_PATH = '/payloads/';

/**
 * Printable ASCII except the backslash. The URL parser would drop some of the other characters, and read `\` as `/`.
 */
const URL_CHARACTERS = /^[!-[\]-~]+$/;

/**
 * Validates the URL of an offloaded event. Anyone who can write to the stream can forge this URL. The URL must point to
 * an S3 endpoint of an allowed region, or to a payload on this service's own origin. The S3 URL can be in path style or
 * virtual-hosted style.
 *
 * @throws {PayloadRefusedError} the URL is not allowed; the message gives the reason but quotes no part of the URL
 */
export function checkPayloadUrl(text: string, policy: PayloadPolicy): URL {
  const url = URL_CHARACTERS.test(text) ? URL.parse(text) : null;
  if (!url) throw new PayloadRefusedError('the URL is invalid');
  const origin = `${url.protocol}//${url.host}`;
  const isOwn = origin === policy.ownOrigin;
  if (!isOwn && url.protocol !== 'https:') throw new PayloadRefusedError('the scheme is not https');
  if (url.username || url.password) throw new PayloadRefusedError('the URL contains user info');
  if (url.hash) throw new PayloadRefusedError('the URL contains a fragment');
  if (!isOwn && url.port) throw new PayloadRefusedError('the port is not 443');
  // The URL parser decodes and corrects a host. If it changed this host, another parser might read a different host.
  if (!startsWithOrigin(text, origin)) throw new PayloadRefusedError('the host is not in canonical form');
  if (!isOwn && !isS3Host(url.hostname, policy.regions)) {
    throw new PayloadRefusedError(`the host is not an S3 endpoint of ${policy.regions.join(', ')}`);
  }
  if (isOwn && !url.pathname.startsWith(PAYLOAD_PATH)) {
    throw new PayloadRefusedError(`the path does not start with ${PAYLOAD_PATH}`);
  }
  return url;
}

/**
 * Reads the expiry of a presigned URL in epoch milliseconds. Returns null if the URL has no expiry in a known format.
 *
 * Source: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters" (Signature Version 4) and "Signing
 * and Authenticating REST Requests" (Version 2).
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
  const lowerCase = text.toLowerCase();
  return [origin, `${origin}:443`].some(
    (start) => lowerCase.startsWith(start) && ['', '/', '?', '#'].includes(lowerCase.charAt(start.length)),
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
  const endpoints = ENDPOINT_PREFIXES.map((prefix) => `${prefix}${region}.${domain}`);
  return region === 'us-east-1' ? [...endpoints, NORTH_VIRGINIA_ENDPOINT] : endpoints;
}

/**
 * Converts seconds to milliseconds. Returns NaN unless the text is a number of at most ten digits. Ten digits suffice
 * until the year 2286.
 */
function readSeconds(text: string | undefined): number {
  return text && /^\d{1,10}$/.test(text) ? Number(text) * 1000 : Number.NaN;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
