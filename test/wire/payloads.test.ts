import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createPayloadLinks } from '../../lib/sync/payload-links.ts';
import { openSharedCloud } from '../fixtures/wire/shared-cloud.ts';

const { cloud } = await openSharedCloud();

describe('the payload of an offloaded event', () => {
  const BODY = '[{"key":"é","value":"\\u0001"}]';

  /** Returns a link as the service creates it, signed with its key. Stores the payload unless `stored` is false. */
  async function link({ now = Date.now(), stored = true } = {}): Promise<string> {
    const links = createPayloadLinks({
      keys: [await readFile(join(cloud.dataDir, 'token-key'))],
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

  it('is served as JSON of a known length to an unsigned request for its URL', async () => {
    const response = await fetch(await link());
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('content-length')).toBe(String(Buffer.byteLength(BODY)));
    expect(await response.text()).toBe(BODY);
  });

  it.each(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS'])('is not served to %s', async (method) => {
    const response = await fetch(await link(), { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
    expect(await response.text()).not.toContain('é');
  });

  it('is not served for an altered or invented URL; the error is the same for both', async () => {
    const url = await link();
    const refused = { message: 'the link is invalid or has expired' };
    for (const altered of [
      url.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
      url.replace('expires=1', 'expires=2'),
      url.replace(/\?.*/, ''),
      `${cloud.url}/payloads/${randomUUID()}`,
      `${cloud.url}/payloads/`,
      `${cloud.url}/payloads/%00?expires=%ff`,
    ]) {
      const response = await fetch(altered);
      expect([altered, response.status, await response.json()]).toEqual([altered, 403, refused]);
    }
  });

  it('is not served if the URL has expired', async () => {
    expect((await fetch(await link({ now: Date.now() - 8 * 24 * 60 * 60 * 1000 }))).status).toBe(403);
  });

  it('is not found if it was deleted', async () => {
    expect((await fetch(await link({ stored: false }))).status).toBe(404);
  });

  it('is not served to a web page of another origin', async () => {
    const response = await fetch(await link(), { headers: { Origin: 'https://example.com' } });
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain('é');
  });
});
