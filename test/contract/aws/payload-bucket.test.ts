import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openPayloadBucket } from '../../../lib/aws/payload-bucket.ts';
import { createPayloadFetch } from '../../../lib/aws/payload-fetch.ts';
import { PayloadRefusedError, PayloadUnavailableError } from '../../../lib/stream/ports/fetch-payload.ts';
import { region } from '../../fixtures/aws/kinesis-emulator.ts';
import { BUCKET, ROLE, type S3Fault, type S3StandIn, startS3 } from '../../fixtures/aws/s3.ts';
import { freePort } from '../../fixtures/local/free-port.ts';

const BODY = '[{"key":"é","value":"\\u0001"}]';
const DAY_MS = 24 * 60 * 60 * 1000;
const WRITER = { ...ROLE, accessKeyId: 'ASIAWRITER' };

let s3: S3StandIn;
const clock = { offset: 0 };
const now = () => Date.now() + clock.offset;

beforeAll(async () => {
  s3 = await startS3(now);
});
afterAll(() => s3.close());
beforeEach(() => {
  clock.offset = 0;
  s3.objects.clear();
  s3.requests.length = 0;
  s3.credentials = [ROLE, WRITER];
  s3.faultOf = () => null;
});

const open = (options: Partial<Parameters<typeof openPayloadBucket>[0]> = {}) =>
  openPayloadBucket({
    bucket: BUCKET,
    region,
    endpoint: s3.endpoint,
    credentials: async () => ROLE,
    now,
    ...options,
  });
/** Opens the bucket with the credentials of the function that uploads payloads. */
const openAsWriter = () => open({ credentials: async () => WRITER });
const pathOf = (payloadId: string) => `/${BUCKET}/payloads/${payloadId}`;

describe('the bucket of payloads', () => {
  it('stores a payload under its id, and replaces an earlier upload with the same id', async () => {
    const payloadId = randomUUID();
    await open().upload(payloadId, 'earlier');
    await open().upload(payloadId, BODY);
    expect([...s3.objects]).toEqual([[pathOf(payloadId), BODY]]);
  });

  it('reports whether a payload was stored within the last twelve hours', async () => {
    const [stored, other] = [randomUUID(), randomUUID()];
    await openAsWriter().upload(stored, BODY);
    const isStored = (payloadId: string) => openAsWriter().isStored(payloadId);
    expect([await isStored(stored), await isStored(other)]).toEqual([true, false]);
    clock.offset = DAY_MS / 2 - 60_000;
    expect(await isStored(stored)).toBe(true);
    clock.offset = DAY_MS / 2 + 60_000;
    expect(await isStored(stored)).toBe(false);
  });

  it.each<S3Fault>([[403, 'AccessDenied'], 'reset', 'silence'])(
    'does not assume that a payload is stored if S3 answers %j',
    async (fault) => {
      const payloadId = randomUUID();
      await open().upload(payloadId, BODY);
      s3.faultOf = () => fault;
      expect(await open({ timeoutMs: 1_000 }).isStored(payloadId)).toBe(false);
    },
  );

  it('returns a URL that anyone can read for seven days', async () => {
    const payloadId = randomUUID();
    const url = await open().urlOf(payloadId);
    await open().upload(payloadId, BODY);
    expect(await (await fetch(url)).text()).toBe(BODY);
    clock.offset = 7 * DAY_MS - 60_000;
    expect((await fetch(url)).status).toBe(200);
    clock.offset = 7 * DAY_MS + 60_000;
    expect((await fetch(url)).status).toBe(403);
  });

  it('returns a URL whose host is the name of the bucket at the regional endpoint of S3', async () => {
    const payloadId = randomUUID();
    const urls = ['eu-west-1', 'cn-north-1'].map((region) =>
      open({ endpoint: null, region }).urlOf(payloadId),
    );
    const hosts = (await Promise.all(urls)).map((url) => url.split('?')[0]);
    expect(hosts).toEqual([
      `https://${BUCKET}.s3.eu-west-1.amazonaws.com/payloads/${payloadId}`,
      `https://${BUCKET}.s3.cn-north-1.amazonaws.com.cn/payloads/${payloadId}`,
    ]);
  });

  it.each<[S3Fault, string, number]>([
    [[403, 'AccessDenied'], 'AccessDenied', 1],
    [[404, 'NoSuchBucket'], 'NoSuchBucket', 1],
    [[503, 'SlowDown'], 'SlowDown', 2],
    [[500, 'not a code'], 'Status500', 2],
    [[307, 'TemporaryRedirect'], 'TemporaryRedirect', 2],
    ['reset', 'UND_ERR_SOCKET', 2],
    ['silence', 'TimeoutError', 2],
  ])('rejects an upload that fails with %j', async (fault, code, attempts) => {
    s3.faultOf = () => fault;
    const upload = open({ timeoutMs: 1_000 }).upload(randomUUID(), BODY);
    await expect(upload).rejects.toMatchObject({ name: 'PayloadUploadError', code });
    await expect(upload).rejects.not.toThrow(/secret|X-Amz|http/);
    expect(s3.requests).toHaveLength(attempts);
  });

  it('sends a payload again if the connection was closed', async () => {
    s3.faultOf = () => (s3.requests.length === 1 ? 'reset' : null);
    const payloadId = randomUUID();
    await open().upload(payloadId, BODY);
    expect(s3.objects.get(pathOf(payloadId))).toBe(BODY);
  });

  it('rejects an upload if no server listens, or if the function has no credentials', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const refused = open({ endpoint }).upload(randomUUID(), BODY);
    await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const credentials = () => Promise.reject(new Error('not set'));
    await expect(open({ credentials }).upload(randomUUID(), BODY)).rejects.toMatchObject({
      code: 'NoCredentials',
    });
    await expect(open({ credentials }).urlOf(randomUUID())).rejects.toMatchObject({ code: 'NoCredentials' });
  });
});

describe('the fetch of a payload in the bucket of the stack', () => {
  const fetchWith = (bucket = open()) =>
    createPayloadFetch({
      policy: { regions: [region], ownOrigin: null },
      bucket,
      now,
      sleep: async () => undefined,
      timeoutMs: 2_000,
    });
  const textOf = async (bytes: Promise<Uint8Array>) => new TextDecoder().decode(await bytes);
  async function put(): Promise<{ url: string; path: string }> {
    const payloadId = randomUUID();
    await openAsWriter().upload(payloadId, BODY);
    return { url: await openAsWriter().urlOf(payloadId), path: pathOf(payloadId) };
  }

  it('uses the credentials of the function, so that an expired or missing signature in the URL does not matter', async () => {
    const { url } = await put();
    s3.credentials = [ROLE, { ...WRITER, isExpired: true }];
    expect((await fetch(url)).status).toBe(400);
    expect(await textOf(fetchWith()(url))).toBe(BODY);
    expect(await textOf(fetchWith()(url.replace(/\?.*/, '')))).toBe(BODY);
  });

  it.each<[string, S3Fault]>([
    ['S3 denies access', [403, 'AccessDenied']],
    ["the function's credentials have expired", [400, 'ExpiredToken']],
    ['S3 is overloaded', [503, 'SlowDown']],
    ['the connection is closed', 'reset'],
  ])('fails temporarily if %s, and permanently only after the URL has expired', async (_, fault) => {
    const { url } = await put();
    s3.faultOf = (method) => (method === 'GET' ? fault : null);
    await expect(fetchWith()(url)).rejects.toThrow(PayloadUnavailableError);
    clock.offset = 7 * DAY_MS + 60_000;
    await expect(fetchWith()(url)).rejects.toThrow(PayloadRefusedError);
  });

  it('fails temporarily if the function has no credentials', async () => {
    const { url } = await put();
    const credentials = () => Promise.reject(new Error('not set'));
    const fetched = fetchWith(open({ credentials }))(url);
    await expect(fetched).rejects.toThrow('the bucket of payloads cannot be read (NoCredentials)');
    await expect(fetched).rejects.toThrow(PayloadUnavailableError);
  });

  it('fails permanently if the object does not exist', async () => {
    const { url, path } = await put();
    s3.objects.delete(path);
    await expect(fetchWith()(url)).rejects.toThrow(PayloadRefusedError);
  });

  it.each([
    ['another bucket', (url: string) => url.replace(BUCKET, `${BUCKET}2`)],
    ['another key', (url: string) => url.replace('/payloads/', '/batches/')],
    ['a longer key', (url: string) => url.replace('?', '/x?')],
    ['a path that is not normalized', (url: string) => url.replace('/payloads/', '/payloads/../payloads/')],
    ['an encoded path', (url: string) => url.replace('/payloads/', '/%70ayloads/')],
    ['user info', (url: string) => url.replace('http://', 'http://user@')],
    ['another port', (url: string) => url.replace(/:\d+\//, ':1/')],
  ])('does not use the credentials of the function for a URL with %s', async (_, change) => {
    const { url } = await put();
    s3.requests.length = 0;
    await expect(fetchWith()(change(url))).rejects.toThrow(PayloadRefusedError);
    expect(s3.requests).toEqual([]);
  });

  it('does not use the credentials of the function for a bucket of the same name in another region', async () => {
    const bucket = open({ endpoint: null, region: 'eu-west-1' });
    const foreign = await open({ endpoint: null, region: 'us-east-1' }).urlOf(randomUUID());
    expect(await bucket.readableUrl(foreign)).toBeNull();
    expect((await bucket.readableUrl(await bucket.urlOf(randomUUID())))?.host).toBe(
      `${BUCKET}.s3.eu-west-1.amazonaws.com`,
    );
  });
});
