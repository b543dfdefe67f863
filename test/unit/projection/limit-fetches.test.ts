import { describe, expect, it } from 'vitest';
import { limitFetches } from '../../../lib/projection/limit-fetches.ts';
import { PayloadRefusedError, PayloadUnavailableError } from '../../../lib/stream/ports/fetch-payload.ts';

const LIMITS = { atOnce: 2, maxBytes: 10, maxMs: 1_000, now: () => 0 };
const urls = (count: number) => Array.from({ length: count }, (_, index) => `url ${index}`);

/** Returns the size of each fetched payload, or the name of the error. */
async function outcomes(fetches: Promise<Uint8Array>[]): Promise<(number | string)[]> {
  const settled = await Promise.allSettled(fetches);
  return settled.map((result) => (result.status === 'fulfilled' ? result.value.length : result.reason.name));
}

describe('the fetches of one batch', () => {
  it('start in order and run concurrently up to the limit', async () => {
    const started: string[] = [];
    let inFlight = 0;
    let maxInFlight = 0;
    const fetch = limitFetches(async (url) => {
      started.push(url);
      inFlight += 1;
      maxInFlight = Math.max(maxInFlight, inFlight);
      await new Promise((resolve) => setImmediate(resolve));
      inFlight -= 1;
      return new Uint8Array(1);
    }, LIMITS);
    expect(await outcomes(urls(7).map(fetch))).toEqual(Array(7).fill(1));
    expect(started).toEqual(urls(7));
    expect(maxInFlight).toBe(2);
  });

  it('stop at the memory limit, but only after at least one fetch per batch', async () => {
    const batch = () => limitFetches(async () => new Uint8Array(25), { ...LIMITS, atOnce: 1 });
    for (let round = 0; round < 2; round += 1) {
      expect(await outcomes(urls(3).map(batch()))).toEqual([
        25,
        PayloadUnavailableError.name,
        PayloadUnavailableError.name,
      ]);
    }
  });

  it('stop at the time limit', async () => {
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

  it('stop at the first unavailable payload, but not at a rejected payload', async () => {
    const requested: string[] = [];
    const fetch = limitFetches(
      async (url) => {
        requested.push(url);
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
    expect(requested).toEqual(urls(3));
  });
});
