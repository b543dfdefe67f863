import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../lib/common/signed-text.ts';
import { checkPayloadUrl, expiresAt } from '../../../lib/stream/payload-url.ts';
import { deletionEvent, recordsEvent } from '../../../lib/sync/build-stream-event.ts';
import { createPayloadLinks, linkedPayload, withPayloadUrl } from '../../../lib/sync/payload-links.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

const WEEK = 7 * 24 * 60 * 60 * 1000;
const ORIGIN = 'http://127.0.0.1:4580';
const KEY = Buffer.alloc(32, 7);

function setUp(key = KEY) {
  const clock = { now: NEW_YEAR + 1 };
  const links = createPayloadLinks({
    keys: [key],
    origin: () => ORIGIN,
    now: () => clock.now,
    randomId: randomUUID,
  });
  return { links, clock };
}

const targetOf = (url: string) => url.slice(ORIGIN.length);

describe('payload links', () => {
  it('point to the origin of the service and pass the URL check of stream readers', () => {
    const { links } = setUp();
    const { url, payloadId } = links.create();
    expect(url).toMatch(
      new RegExp(`^${ORIGIN}/payloads/${payloadId}\\?expires=\\d{10}&signature=[\\w-]{43}$`),
    );
    expect(checkPayloadUrl(url, { regions: ['us-east-1'], ownOrigin: ORIGIN }).href).toBe(url);
    expect(links.open(targetOf(url))).toBe(payloadId);
    expect(links.create().payloadId).not.toBe(payloadId);
  });

  it('expire after a week, as readers can tell from the query', () => {
    const { links, clock } = setUp();
    const link = links.create();
    expect(link.expiresAt).toBe(NEW_YEAR + WEEK + 1000);
    expect(expiresAt(new URL(link.url))).toBe(link.expiresAt);
    clock.now = link.expiresAt - 1;
    expect(links.open(targetOf(link.url))).toBe(link.payloadId);
    clock.now = link.expiresAt;
    expect(links.open(targetOf(link.url))).toBeNull();
  });

  it.each<[link: string, change: (target: string) => string]>([
    ['to another payload', (target) => target.replace(/payloads\/.{36}/, `payloads/${randomUUID()}`)],
    ['with a later expiry', (target) => target.replace('expires=1', 'expires=2')],
    ['with another signature', (target) => target.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))],
    ['that is truncated', (target) => target.slice(0, -1)],
    ['without a signature', (target) => target.replace(/&.*/, '')],
    ['with an empty signature', (target) => target.replace(/signature=.*/, 'signature=')],
    ['without a query', (target) => target.replace(/\?.*/, '')],
    ['without a payload id', () => '/payloads/'],
    ['under another path', (target) => target.replace('/payloads/', '/payloads//')],
    ['that is too long', (target) => `${target}${'A'.repeat(100_000)}`],
  ])('reject a link %s', (_, change) => {
    const { links } = setUp();
    expect(links.open(change(targetOf(links.create().url)))).toBeNull();
  });

  it('reject a link that was signed with another key or for another purpose', () => {
    const { links } = setUp();
    const { url } = setUp(Buffer.alloc(32, 8)).links.create();
    expect(links.open(targetOf(url))).toBeNull();
    const { payloadId, expiresAt: until } = links.create();
    const expires = String(until / 1000);
    const signature = createSigner([KEY]).signatureOf(expires, ['session', payloadId]);
    expect(links.open(`/payloads/${payloadId}?expires=${expires}&signature=${signature}`)).toBeNull();
  });
});

describe('the payload of an event', () => {
  const { links } = setUp();
  const KEY_OF_DATASET = { identityPoolId: 'p', identityId: 'i', datasetName: 'd' };
  const eventOf = (value: string, inlineBytes: number) =>
    recordsEvent(
      KEY_OF_DATASET,
      { lastModifiedDate: 5, syncCount: 7 },
      [
        {
          Key: 'k',
          Value: value,
          SyncCount: 7,
          LastModifiedDate: 5,
          LastModifiedBy: 'i',
          DeviceLastModifiedDate: 5,
        },
      ],
      { links, inlineBytes },
    );

  it('is found in an offloaded event, and its URL can be replaced', () => {
    const { data, payload } = eventOf('x', 0);
    expect(linkedPayload(data)).toBe(payload?.payloadId);
    const replaced = withPayloadUrl(data, 'https://elsewhere/1?a=1&b="2"');
    const expected = { ...JSON.parse(data), kinesisSyncRecordsURL: 'https://elsewhere/1?a=1&b="2"' };
    expect(replaced).toBe(JSON.stringify(expected));
    expect(linkedPayload(replaced)).toBeNull();
  });

  it('is not found in other events, regardless of the content of their records', () => {
    const link = links.create();
    for (const value of ['x', `"payloadType":"S3Url","kinesisSyncRecordsURL":"${link.url}"`, link.url]) {
      expect(linkedPayload(eventOf(value, 1_000).data)).toBeNull();
    }
    expect(linkedPayload('not JSON "payloadType":"S3Url"')).toBeNull();
    expect(
      linkedPayload(deletionEvent(KEY_OF_DATASET, { lastModifiedDate: 5, syncCount: 8 }).data),
    ).toBeNull();
  });
});
