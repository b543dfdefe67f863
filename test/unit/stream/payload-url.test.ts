import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPayloadUrl, expiresAt } from '../../../lib/stream/payload-url.ts';
import { PayloadRefusedError } from '../../../lib/stream/ports/fetch-payload.ts';

const OWN = 'http://127.0.0.1:4580';
const POLICY = { regions: ['us-east-1', 'cn-north-1'], ownOrigin: null };
const WITH_OWN = { ...POLICY, ownOrigin: OWN };
/** The secret part of a URL. No message may quote any part of it. */
const SECRET = '/pool/object?X-Amz-Signature=5ec2e7';

/** Returns the reason why a URL is refused. Fails the test if the URL is allowed. */
function refusal(text: string, policy: typeof WITH_OWN | typeof POLICY = POLICY): string {
  try {
    checkPayloadUrl(text, policy);
  } catch (error) {
    if (error instanceof PayloadRefusedError) return error.message;
    throw error;
  }
  throw new Error(`allowed: ${text}`);
}

describe('the URL of a payload is allowed', () => {
  it.each([
    's3.us-east-1.amazonaws.com',
    's3-us-east-1.amazonaws.com',
    's3.dualstack.us-east-1.amazonaws.com',
    's3-fips.us-east-1.amazonaws.com',
    's3-fips.dualstack.us-east-1.amazonaws.com',
    's3.cn-north-1.amazonaws.com.cn',
    's3.amazonaws.com',
    's3-external-1.amazonaws.com',
  ])('at %s, in path style and virtual-hosted style', (endpoint) => {
    for (const host of [endpoint, `bucket.${endpoint}`, `b-c.${endpoint}`, `Old_Bucket.${endpoint}`]) {
      const url = checkPayloadUrl(`https://${host}${SECRET}`, POLICY);
      expect(url.href).toBe(`https://${host.toLowerCase()}${SECRET}`);
    }
  });

  it('at s3-external-1 only if us-east-1 is allowed', () => {
    const policy = { regions: ['eu-west-1'], ownOrigin: null };
    expect(refusal(`https://s3-external-1.amazonaws.com${SECRET}`, policy)).toBe(
      'the host is not an S3 endpoint of eu-west-1',
    );
  });

  it.each([
    'https://s3.amazonaws.com:443/b/k',
    'HTTPS://S3.US-EAST-1.AMAZONAWS.COM/b/k',
    'https://s3.amazonaws.com?k',
  ])('as %s', (text) => {
    expect(checkPayloadUrl(text, POLICY).protocol).toBe('https:');
  });

  it('at the origin in PAYLOAD_ORIGIN, even if this origin uses plain http and a private address', () => {
    const own = `${OWN}/payloads/1?expires=1&signature=1`;
    expect(checkPayloadUrl(own, WITH_OWN).href).toBe(own);
    expect(checkPayloadUrl('https://s3.amazonaws.com/k', WITH_OWN).host).toBe('s3.amazonaws.com');
  });
});

it.each([OWN, `${OWN}/`, `${OWN}/healthz`, `${OWN}/payloads`, `${OWN}/payloads/../healthz`])(
  'the URL of a payload is refused at the origin in PAYLOAD_ORIGIN unless its path is under /payloads/: %s',
  (url) => {
    expect(refusal(url, WITH_OWN)).toBe('the path does not start with /payloads/');
  },
);

const NOT_S3 = 'the host is not an S3 endpoint of us-east-1, cn-north-1';
const NOT_CANONICAL = 'the host is not in canonical form';
const INVALID_URL = 'the URL is invalid';

describe('the URL of a payload is refused', () => {
  describe.each([
    {
      reason: NOT_S3,
      hosts: [
        // Addresses of this machine, its cloud provider and its network.
        '169.254.169.254',
        '127.0.0.1',
        '10.0.0.1',
        '172.16.0.1',
        '192.168.0.1',
        '100.64.0.1',
        '0.0.0.0',
        '52.216.1.1',
        '[::1]',
        '[fd00:ec2::254]',
        '[::ffff:7f00:1]',
        'localhost',
        'LOCALHOST',
        'metadata.google.internal',
        // Hosts whose names resemble a host of S3.
        'evil.example',
        'S3.US-EAST-1.AMAZONAWS.COM.EVIL.EXAMPLE',
        's3.us-east-1.amazonaws.com.evil.com',
        's3-external-2.amazonaws.com',
        'xs3-external-1.amazonaws.com',
        's3-external-1.us-east-1.amazonaws.com',
        'evil-s3.us-east-1.amazonaws.com.evil.com',
        'evil-s3.us-east-1.amazonaws.com',
        'xs3.us-east-1.amazonaws.com',
        'xs3.amazonaws.com',
        'amazonaws.com',
        'us-east-1.amazonaws.com',
        's3.us-east-1.amazonaws.co',
        's3xus-east-1.amazonaws.com',
        's3.us-east-1.amazonawsxcom',
        's3.us-east-1.amazonaws.com.cn',
        's3.cn-north-1.amazonaws.com',
        'xn--3-7sb.us-east-1.amazonaws.com',
        // Hosts of AWS that any AWS customer can create, for example for a website or an endpoint.
        's3-website.us-east-1.amazonaws.com',
        'bucket.s3-website-us-east-1.amazonaws.com',
        'name-1.s3-accesspoint.us-east-1.amazonaws.com',
        'name-1.s3-object-lambda.us-east-1.amazonaws.com',
        'api.execute-api.us-east-1.amazonaws.com',
        'ec2-1-2-3-4.compute-1.amazonaws.com',
        'bucket.vpce-1.s3.us-east-1.vpce.amazonaws.com',
        // Hosts of S3 in other regions.
        's3.eu-west-1.amazonaws.com',
        'bucket.s3-eu-west-1.amazonaws.com',
        'bucket.s3.dualstack.us-west-2.amazonaws.com',
        // Hosts with superfluous dots.
        's3.us-east-1.amazonaws.com.',
        'bucket.s3.amazonaws.com.',
        '.s3.us-east-1.amazonaws.com',
        'a..b.s3.us-east-1.amazonaws.com',
        // S3's certificate covers one label. DNS allows at most 63 characters per label.
        'a.b.s3.us-east-1.amazonaws.com',
        `${'b'.repeat(64)}.s3.us-east-1.amazonaws.com`,
        // Characters that are valid in a host but not in a bucket name.
        "b'.s3.amazonaws.com",
        'b,evil.s3.amazonaws.com',
      ],
    },
    {
      reason: NOT_CANONICAL,
      hosts: [
        // Addresses in unusual spellings, which the URL parser normalizes.
        '2130706433',
        '0x7f000001',
        '0x7f.0.0.1',
        '0177.0.0.1',
        '127.1',
        '127.0.0.1.',
        '[::ffff:127.0.0.1]',
        '[0:0:0:0:0:0:0:1]',
        // Hosts of S3 in unusual spellings.
        's3%2Eus-east-1.amazonaws.com',
        '%73%33.amazonaws.com',
        '@s3.amazonaws.com',
        's3.amazonaws.com:',
        's3.amazonaws.com:0443',
        '/s3.amazonaws.com',
        '',
      ],
    },
    {
      reason: INVALID_URL,
      hosts: [
        '[',
        '[::1',
        '1.2.3.256',
        'a b.s3.amazonaws.com',
        'ｓ3.us-east-1.amazonaws.com',
        'ѕ3.us-east-1.amazonaws.com',
        's3。us-east-1.amazonaws.com',
        's3.us-\u00adeast-1.amazonaws.com',
        's3.amazonaws.com%00.evil.com',
        's3.amazonaws.com%2Fevil.com',
        's3.amazonaws.com:65536',
        's3.amazonaws.com:x',
        's3.amazonaws.com\\@evil.com',
        's3.amazonaws.com\\.evil.com',
        's3.amazonaws.com\t',
        's3.amaz\nonaws.com',
        's3.amazonaws.com\0',
      ],
    },
    {
      reason: 'the URL contains user info',
      hosts: [
        'user@s3.amazonaws.com',
        'user:password@s3.amazonaws.com',
        ':p@s3.amazonaws.com',
        's3.amazonaws.com@evil.com',
      ],
    },
    {
      reason: 'the port is not 443',
      hosts: ['s3.amazonaws.com:80', 's3.amazonaws.com:8443', 's3.amazonaws.com:0', 's3.amazonaws.com:22'],
    },
  ])('because $reason', ({ reason, hosts }) => {
    it.each(hosts)('https://%s', (host) => {
      expect(refusal(`https://${host}${SECRET}`)).toBe(reason);
      // A policy that also allows the origin in PAYLOAD_ORIGIN must not allow these hosts either.
      expect(refusal(`https://${host}${SECRET}`, WITH_OWN)).toBe(reason);
    });
  });

  it.each([
    ['http://s3.us-east-1.amazonaws.com/b/k', 'the scheme is not https'],
    ['http://169.254.169.254/latest/meta-data/iam/security-credentials/', 'the scheme is not https'],
    ['ftp://s3.amazonaws.com/b/k', 'the scheme is not https'],
    ['file:///etc/passwd', 'the scheme is not https'],
    ['data:application/json,[]', 'the scheme is not https'],
    ['s3://bucket/key', 'the scheme is not https'],
    ['blob:https://s3.amazonaws.com/b/k', 'the scheme is not https'],
    ['javascript:alert(1)', 'the scheme is not https'],
    ['https://s3.amazonaws.com/b/k#secret', 'the URL contains a fragment'],
    ['', INVALID_URL],
    [' https://s3.amazonaws.com/b/k', INVALID_URL],
    ['https://s3.amazonaws.com/b/\tk', INVALID_URL],
    ['https://s3.amazonaws.com/b/é', INVALID_URL],
    ['https:\\\\s3.amazonaws.com\\b', INVALID_URL],
    ['//s3.amazonaws.com/b/k', INVALID_URL],
    ['s3.amazonaws.com/b/k', INVALID_URL],
    ['https:/s3.amazonaws.com/b/k', NOT_CANONICAL],
    ['https:s3.amazonaws.com/b/k', NOT_CANONICAL],
    ['https:///s3.amazonaws.com/b/k', NOT_CANONICAL],
    ['%'.repeat(8192), INVALID_URL],
    [`https://${'a'.repeat(8192)}/`, NOT_S3],
    [`https://${'a.'.repeat(4096)}s3.amazonaws.com.evil.com/`, NOT_S3],
    ['\u{1F4A9}'.repeat(2048), INVALID_URL],
  ])('%s', (text, reason) => {
    expect(refusal(text)).toBe(reason);
  });

  it.each([
    ['http://127.0.0.1/x', 'the scheme is not https'],
    ['http://127.0.0.1:45800/x', 'the scheme is not https'],
    ['http://127.0.0.1:4580.evil.com/x', INVALID_URL],
    ['http://localhost:4580/x', 'the scheme is not https'],
    ['https://127.0.0.1:4580/x', 'the port is not 443'],
    ['http://127.0.0.1:4580@evil.com/x', 'the scheme is not https'],
    ['http://user@127.0.0.1:4580/x', 'the URL contains user info'],
    ['http://2130706433:4580/x', NOT_CANONICAL],
    ['blob:http://127.0.0.1:4580/x', 'the scheme is not https'],
    ['http://127.0.0.1:4580\\x', INVALID_URL],
  ])('%s, which is not at the origin in PAYLOAD_ORIGIN', (text, reason) => {
    expect(refusal(text, WITH_OWN)).toBe(reason);
  });

  it('unless it leads to S3, and the message never quotes its query', () => {
    const query = 'X-Amz-Signature=5ec2e75ec2e7';
    const host = fc.oneof(
      fc.constantFrom('s3.us-east-1.amazonaws.com', 's3.amazonaws.com', '127.0.0.1', '[::1]', 'evil.com'),
      fc.domain(),
      fc.ipV4Extended(),
      fc.string({ unit: 'grapheme' }),
    );
    const piece = fc.oneof(host, fc.constantFrom('.', '@', ':', '/', '\\', '#', '%2e', '\t', ':443'));
    const text = fc.oneof(
      fc.string(),
      // fc.webUrl() is not used, because fast-check takes two seconds to prepare the paths of its URLs.
      fc
        .tuple(fc.constantFrom('https', 'http'), fc.webAuthority(), fc.string(), fc.webQueryParameters())
        .map(([scheme, authority, path, search]) => `${scheme}://${authority}/${path}?${search}`),
      fc
        .tuple(fc.constantFrom('https://', 'https:', 'http://', ''), fc.array(piece, { maxLength: 4 }))
        .map(([scheme, pieces]) => `${scheme}${pieces.join('')}/k?${query}`),
    );
    fc.assert(
      fc.property(text, (url) => {
        try {
          const { protocol, hostname, port, username } = checkPayloadUrl(url, POLICY);
          expect([protocol, port, username]).toEqual(['https:', '', '']);
          expect(hostname).toMatch(/(^|\.)s3(\.us-east-1)?\.amazonaws\.com$/);
        } catch (error) {
          expect(error).toBeInstanceOf(PayloadRefusedError);
          expect(error).toMatchObject({ message: expect.not.stringContaining(query) });
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a presigned URL expires', () => {
  const at = (query: string) => expiresAt(new URL(`https://s3.amazonaws.com/b/k?${query}`));

  it.each([
    ['X-Amz-Date=20260101T000000Z&X-Amz-Expires=900', '2026-01-01T00:15:00Z'],
    ['x-amz-expires=1&x-amz-date=20261231T235959Z', '2027-01-01T00:00:00Z'],
    ['X-Amz-Date=20260101T000000Z&X-Amz-Expires=0&Expires=1', '2026-01-01T00:00:00Z'],
    ['AWSAccessKeyId=a&Expires=1767225600&Signature=s', '2026-01-01T00:00:00Z'],
    ['expires=0', '1970-01-01T00:00:00Z'],
  ])('at the time in %s', (query, time) => {
    expect(at(query)).toBe(Date.parse(time));
  });

  it.each([
    '',
    'X-Amz-Date=20260101T000000Z',
    'X-Amz-Expires=900',
    'X-Amz-Date=20260101T000000Z&X-Amz-Expires=soon',
    'X-Amz-Date=20260101T000000Z&X-Amz-Expires=-1',
    'X-Amz-Date=20260101T000000Z&X-Amz-Expires=1e99',
    `X-Amz-Date=20260101T000000Z&X-Amz-Expires=${'9'.repeat(400)}`,
    'X-Amz-Date=20261301T000000Z&X-Amz-Expires=1',
    'X-Amz-Date=20260101T250000Z&X-Amz-Expires=1',
    'X-Amz-Date=yesterday&X-Amz-Expires=1',
    'X-Amz-Date=20260101T000000Z%0A&X-Amz-Expires=1',
    'Expires=',
    'Expires=NaN',
    'Expires=Infinity',
    'Expires=-1',
    'Expires=0x10',
    'Expires=1.5',
    'Expires=%31%00',
    `Expires=${'9'.repeat(400)}`,
    'Expires=٣',
  ])('at an unknown time with %s', (query) => {
    expect(at(query)).toBeNull();
  });

  it('at a valid time or at an unknown time (null), for any query', () => {
    const name = fc.constantFrom('X-Amz-Date', 'X-Amz-Expires', 'Expires');
    const value = fc.oneof(fc.string(), fc.nat().map(String), fc.constant('20260101T000000Z'));
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value)), (query) => {
        expect(at(new URLSearchParams(query).toString()) ?? 0).toSatisfy(Number.isSafeInteger);
      }),
    );
  });
});
