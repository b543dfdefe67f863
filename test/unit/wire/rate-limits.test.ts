import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ServiceError, SetupError } from '../../../lib/common/errors.ts';
import {
  DEFAULT_RATE_LIMITS,
  type RateLimitScope,
  type RateLimitSettings,
  readRateLimits,
} from '../../../lib/common/rate-limit-settings.ts';
import {
  costOf,
  costOfResponse,
  createRateLimits,
  type RateLimitReport,
} from '../../../lib/wire/rate-limits.ts';
import { inTurn } from '../../../lib/wire/turns.ts';

const head = (headers: Record<string, string> = {}) => ({
  method: 'POST',
  target: '/',
  headers,
  body: async () => new Uint8Array(0),
});
const cost = (operation: string) => costOf(operation, head());

function limits(settings: RateLimitSettings = DEFAULT_RATE_LIMITS) {
  const clock = { now: 0 };
  const reports: RateLimitReport[] = [];
  const { charge, owe, enter } = createRateLimits({
    settings,
    now: () => clock.now,
    report: (refused) => reports.push(refused),
  });
  /** Counts the calls that are not refused. */
  const allowed = (scope: RateLimitScope, key: string | undefined, cost: number, calls = 5_000) => {
    let count = 0;
    for (let call = 0; call < calls; call += 1) {
      try {
        charge(scope, key, cost);
        count += 1;
      } catch (error) {
        expect(error).toBeInstanceOf(ServiceError);
      }
    }
    return count;
  };
  return { clock, reports, charge, owe, enter, allowed };
}

describe('the default rate limits', () => {
  it.each<[RateLimitScope, string, number, number]>([
    // These limits are Amazon's quotas for an account.
    ['issuing', 'GetId', 250, 25],
    ['issuing', 'GetCredentialsForIdentity', 2_000, 200],
    ['issuing', 'GetOpenIdToken', 2_000, 200],
    ['address', 'GetId', 62, 6],
    ['address', 'GetCredentialsForIdentity', 500, 50],
    ['identity', 'UpdateRecords', 400, 20],
    ['pool', 'ListRecords', 4_000, 2_000],
  ])('allow per %s: %s, %i at once and then %i a second', (scope, operation, burst, perSecond) => {
    const { allowed, clock } = limits();
    expect(allowed(scope, 'a', cost(operation))).toBe(burst);
    clock.now += 10_000;
    expect(allowed(scope, 'a', cost(operation))).toBeGreaterThanOrEqual(Math.min(burst, perSecond * 10));
    expect(allowed(scope, 'b', cost(operation))).toBe(burst);
  });

  it('allow 250 calls of GetId in the ten seconds after the burst', () => {
    const { allowed, clock } = limits();
    allowed('issuing', 'a', 8);
    let count = 0;
    for (let second = 0; second < 10; second += 1) {
      clock.now += 1_000;
      count += allowed('issuing', 'a', 8);
    }
    expect(count).toBe(250);
  });
});

describe('the cost of a request', () => {
  it.each([
    ['GetId', {}, 8],
    ['UpdateRecords', {}, 1],
    ['UpdateRecords', { 'content-length': '65535' }, 1],
    ['UpdateRecords', { 'content-length': '65536' }, 2],
    ['UpdateRecords', { 'content-length': '6291456' }, 97],
    // A chunked request does not announce its length, so it costs as much as the largest body of its operation.
    ['UpdateRecords', { 'transfer-encoding': 'chunked' }, 97],
    ['GetId', { 'transfer-encoding': 'chunked' }, 16],
    ['UnlinkIdentity', {}, 1],
    ['UnlinkIdentity', { 'transfer-encoding': 'chunked' }, 9],
  ])('of %s with %j is %i', (operation, headers, expected) => {
    expect(costOf(operation, head(headers))).toBe(expected);
  });

  it('depends on the body if it is received, not on the length that the client announces', () => {
    const received = { ...head({ 'content-length': '0' }), body: new Uint8Array(65_536) };
    expect(costOf('UpdateRecords', received)).toBe(2);
    expect(costOf('UpdateRecords', { ...received, headers: { 'transfer-encoding': 'chunked' } })).toBe(2);
  });
});

describe('a refused request', () => {
  it('gets TooManyRequestsException and the seconds to wait', () => {
    const { charge, allowed } = limits();
    allowed('issuing', 'a', 8);
    expect(() => charge('issuing', 'a', 8)).toThrow(
      expect.objectContaining({
        code: 'TooManyRequestsException',
        status: 429,
        retryAfterSeconds: 1,
        message: 'too many requests for identities and credentials of this identity pool; retry after 1 s',
      }),
    );
  });

  it('is reported once a minute per scope, together with the number of refusals', () => {
    const { charge, allowed, reports, clock } = limits();
    allowed('address', '2001:db8::1', 8, 100);
    expect(reports).toEqual([{ scope: 'address', key: '2001:db8:0:0::/64', refusals: 1 }]);
    allowed('identity', 'i', 1, 401);
    expect(reports).toHaveLength(2);
    clock.now += 59_999;
    allowed('address', '192.0.2.1', 8, 64);
    expect(reports).toHaveLength(2);
    clock.now += 1;
    expect(() => charge('address', '192.0.2.1', 8)).toThrow();
    expect(reports[2]).toEqual({ scope: 'address', key: '192.0.2.1', refusals: 40 });
  });
});

describe('the cost of a response', () => {
  it.each([
    [0, 0],
    [65_535, 0],
    [65_536, 1],
    [6_700_000, 102],
  ])('of %i characters is %i', (length, expected) => {
    expect(costOfResponse(length)).toBe(expected);
  });

  it('delays later requests of the same caller', () => {
    const { owe, allowed, clock } = limits();
    owe('identity', 'a', 399);
    expect(allowed('identity', 'a', 1, 10)).toBe(1);
    owe('identity', 'a', 40);
    clock.now += 2_000;
    expect(allowed('identity', 'a', 1, 10)).toBe(0);
    clock.now += 50;
    expect(allowed('identity', 'a', 1, 10)).toBe(1);
  });
});

describe('a limit per address', () => {
  it('counts the addresses of one IPv6 subscriber together', () => {
    const { allowed } = limits();
    expect(allowed('address', '2001:db8::1', 8, 62)).toBe(62);
    expect(allowed('address', '2001:db8::ffff:2', 8, 10)).toBe(0);
    expect(allowed('address', '2001:db8:0:1::1', 8, 10)).toBe(10);
  });

  it('does not apply if the address is unknown', () => {
    expect(limits().allowed('address', undefined, 8, 1_000)).toBe(1_000);
  });
});

describe('requests that run at the same time', () => {
  /** Starts requests that run until `finish` is called. `started` lists the requests that have begun to run. */
  function startRequests(length = '100') {
    const { enter } = limits();
    const started: string[] = [];
    const finishes: (() => void)[] = [];
    const request = (scope: 'address' | 'identity', key: string | undefined, name: string) => {
      const ended = inTurn(enter(scope, key, head({ 'content-length': length })), () => {
        started.push(name);
        return new Promise<string>((resolve) => finishes.push(() => resolve(name)));
      });
      // Requests that still wait when a test ends are rejected ten seconds later.
      ended.catch(() => undefined);
      return ended;
    };
    return { request, started, finish: () => finishes.shift()?.() };
  }

  it('are at most two per identity; the next one starts when one has finished', async () => {
    const { request, started, finish } = startRequests();
    const [first] = ['1', '2', '3', '4'].map((name) => request('identity', 'a', name));
    void request('identity', 'b', 'other');
    await setImmediate();
    expect(started).toEqual(['1', '2', 'other']);
    finish();
    expect(await first).toBe('1');
    await setImmediate();
    expect(started).toEqual(['1', '2', 'other', '3']);
  });

  it('are counted together for all IPv6 addresses of one subscriber, and not limited if the address is unknown', async () => {
    const { request, started } = startRequests();
    for (const name of ['1', '2', '3']) void request('address', `2001:db8::${name}`, name);
    for (const name of ['6', '7', '8', '9', '10']) void request('address', undefined, name);
    await setImmediate();
    expect(started.map(Number).sort((a, b) => a - b)).toEqual([1, 2, 6, 7, 8, 9, 10]);
  });

  it.each(['65536', ''])(
    'include at most one request per identity with a large or unannounced body length (content-length: %j)',
    async (length) => {
      const { request, started, finish } = startRequests(length);
      const [first] = ['1', '2', '3'].map((name) => request('identity', 'a', name));
      void request('identity', 'b', 'other');
      await setImmediate();
      expect(started).toEqual(['1', 'other']);
      finish();
      await first;
      await setImmediate();
      expect(started).toEqual(['1', 'other', '2']);
    },
  );

  it('free their slot even if they fail', async () => {
    const { enter } = limits();
    for (let request = 0; request < 10; request += 1) {
      const failing = inTurn(enter('identity', 'a', head()), () => Promise.reject(new Error('failed')));
      await expect(failing).rejects.toThrow('failed');
    }
  });
});

describe('readRateLimits', () => {
  it.each([
    [undefined, true, DEFAULT_RATE_LIMITS],
    [undefined, false, null],
    ['', true, DEFAULT_RATE_LIMITS],
    ['', false, null],
    ['on', false, DEFAULT_RATE_LIMITS],
    ['off', true, null],
    ['{}', false, DEFAULT_RATE_LIMITS],
    [
      '{"address":{"burst":8},"pool":{"perSecond":0.5,"burst":1}}',
      false,
      {
        ...DEFAULT_RATE_LIMITS,
        address: { ...DEFAULT_RATE_LIMITS.address, burst: 8 },
        pool: { perSecond: 0.5, burst: 1 },
      },
    ],
  ])('reads RATE_LIMITS=%j, if limits are on by default: %s', (RATE_LIMITS, isOnByDefault, expected) => {
    expect(readRateLimits({ RATE_LIMITS }, isOnByDefault)).toEqual(expected);
  });

  it.each([
    ['yes', 'the value is not JSON; use on, off, or JSON such as {"address":'],
    ['ON', 'the value is not JSON'],
    ['[]', 'the value is not an object'],
    ['1', 'the value is not an object'],
    ['{"adress":{}}', 'unknown member "adress"; did you mean address?'],
    ['{"users":{}}', 'unknown member "users"; use one of address, identity, pool, issuing'],
    ['{"__proto__":{}}', 'unknown member "__proto__"; use one of'],
    ['{"pool":{"perSeconds":1}}', 'unknown member "pool.perSeconds"; did you mean pool.perSecond?'],
    ['{"pool":{"rate":1}}', 'unknown member "pool.rate"; use one of perSecond, burst'],
    ['{"pool":5}', 'pool is not an object'],
    ['{"pool":{"perSecond":0}}', 'pool.perSecond must be a number from 0.001 to 1000000'],
    ['{"pool":{"perSecond":"5"}}', 'pool.perSecond must be a number'],
    ['{"pool":{"burst":0.5}}', 'pool.burst must be a number from 1 to 1000000'],
    ['{"pool":{"burst":1e999}}', 'pool.burst must be a number from 1 to 1000000'],
    ['{"pool":{"burst":null}}', 'pool.burst must be a number'],
  ])('rejects %s', (RATE_LIMITS, message) => {
    const read = () => readRateLimits({ RATE_LIMITS }, true);
    expect(read).toThrow(SetupError);
    expect(read).toThrow(`invalid RATE_LIMITS: ${message}`);
  });
});
