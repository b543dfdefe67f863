import { describe, expect, it } from 'vitest';
import { limitFetches } from '../../../lib/projection/limit-fetches.ts';
import { PayloadRefusedError, PayloadUnavailableError } from '../../../lib/stream/payload.ts';

const LIMITS = { atOnce: 2, maxBytes: 10, maxMs: 1_000, now: () => 0 };
const urls = (count: number) => Array.from({ length: count }, (_, index) => `url ${index}`);

/** What became of each fetch: the size it brought, or the name of its error. */
async function outcomes(fetches: Promise<Uint8Array>[]): Promise<(number | string)[]> {
  const settled = await Promise.allSettled(fetches);
  return settled.map((one) => (one.status === 'fulfilled' ? one.value.length : one.reason.name));
}

describe('the fetches of one batch', () => {
  it('run so many at once, and begin in their order', async () => {
    const begun: string[] = [];
    let underWay = 0;
    let most = 0;
    const fetch = limitFetches(async (url) => {
      begun.push(url);
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return new Uint8Array(1);
    }, LIMITS);
    expect(await outcomes(urls(7).map(fetch))).toEqual(Array(7).fill(1));
    expect(begun).toEqual(urls(7));
    expect(most).toBe(2);
  });

  it('leave what would be too much for the memory to the next batch, which takes at least one', async () => {
    const batch = () => limitFetches(async () => new Uint8Array(25), { ...LIMITS, atOnce: 1 });
    for (let round = 0; round < 2; round += 1) {
      expect(await outcomes(urls(3).map(batch()))).toEqual([
        25,
        PayloadUnavailableError.name,
        PayloadUnavailableError.name,
      ]);
    }
  });

  it('leave what would take too long to the next batch', async () => {
    let time = 0;
    const fetch = limitFetches(
      async () => {
        time += 600;
        return new Uint8Array(1);
      },
      { ...LIMITS, atOnce: 1, now: () => time },
    );
    expect(await outcomes(urls(4).map(fetch))).toEqual([
      1,
      1,
      PayloadUnavailableError.name,
      PayloadUnavailableError.name,
    ]);
  });

  it('end with the first that is unavailable, and not with one that is refused', async () => {
    const asked: string[] = [];
    const fetch = limitFetches(
      async (url) => {
        asked.push(url);
        if (url === 'url 0') throw new PayloadRefusedError('gone');
        if (url === 'url 2') throw new PayloadUnavailableError('busy');
        return new Uint8Array(1);
      },
      { ...LIMITS, atOnce: 1 },
    );
    expect(await outcomes(urls(5).map(fetch))).toEqual([
      PayloadRefusedError.name,
      1,
      PayloadUnavailableError.name,
      PayloadUnavailableError.name,
      PayloadUnavailableError.name,
    ]);
    expect(asked).toEqual(urls(3));
  });
});
