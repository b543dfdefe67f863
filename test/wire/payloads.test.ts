import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import { startCloud } from '../fixtures/local/local-cloud.ts';

let cloud: LocalCloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(() => cloud.close());

describe('the payload of an offloaded event', () => {
  const BODY = '[{"key":"é","value":"\\u0001"}]';

  /** As the service makes it: with its key, and stored. */
  async function link({ now = Date.now(), stored = true } = {}): Promise<string> {
    const links = createPayloadLinks({
      key: await readFile(join(cloud.dataDir, 'token-key')),
      origin: () => cloud.url,
      now: () => now,
      randomId: randomUUID,
    });
    const { payloadId, url, expiresAt } = links.create();
    if (stored)
      await cloud.database.query('INSERT INTO sync.payloads VALUES ($1, $2, $3)', [
        payloadId,
        BODY,
        expiresAt,
      ]);
    return url;
  }

  it('is got from its URL, unsigned, as JSON of a known length', async () => {
    const answer = await fetch(await link());
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('content-length')).toBe(String(Buffer.byteLength(BODY)));
    expect(await answer.text()).toBe(BODY);
  });

  it.each(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])('is for GET alone, not for %s', async (method) => {
    const answer = await fetch(await link(), { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET']);
    expect(await answer.text()).not.toContain('é');
  });

  it('is refused to who changes the URL, with no other word than to who has none', async () => {
    const url = await link();
    const refused = { message: 'the link is invalid or has expired' };
    for (const wrong of [
      url.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      url.replace('expires=1', 'expires=2'),
      url.replace(/\?.*/, ''),
      `${cloud.url}/payloads/${randomUUID()}`,
      `${cloud.url}/payloads/`,
      `${cloud.url}/payloads/%00?expires=%ff`,
    ]) {
      const answer = await fetch(wrong);
      expect([wrong, answer.status, await answer.json()]).toEqual([wrong, 403, refused]);
    }
  });

  it('is refused when the URL has expired', async () => {
    expect((await fetch(await link({ now: Date.now() - 8 * 24 * 60 * 60 * 1000 }))).status).toBe(403);
  });

  it('is not found when it is gone', async () => {
    expect((await fetch(await link({ stored: false }))).status).toBe(404);
  });

  it('is not for the web page of another origin', async () => {
    const answer = await fetch(await link(), { headers: { Origin: 'https://example.com' } });
    expect(answer.status).toBe(403);
    expect(await answer.text()).not.toContain('é');
  });
});
