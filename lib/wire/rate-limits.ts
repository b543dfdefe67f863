import { ServiceError } from '../common/errors.ts';
import type { RateLimitScope, RateLimitSettings } from '../common/rate-limit-settings.ts';
import { createTokenBuckets } from '../common/token-buckets.ts';
import { bodyLimitOf } from './body-limits.ts';
import { bodyBytes, hasLargeBody, type WireRequest } from './request-body.ts';
import { networkOf } from './source-address.ts';
import { createTurns, type Turn, UNLIMITED_TURN } from './turns.ts';

/** As in Amazon's quotas, 25 calls of GetId cost as much as 200 calls of GetCredentialsForIdentity. */
const COSTS: ReadonlyMap<string, number> = new Map([['GetId', 8]]);
/** Large bodies cost more, because hashing, parsing and storing them takes longer. */
const BYTES_PER_UNIT = 64 * 1024;

/**
 * Returns the cost of a request: 8 for GetId, 1 for any other operation, plus 1 for each 64 KiB of the body. A body
 * whose length is not announced costs as much as the largest body that the operation allows.
 *
 * @param operation its name in the API model
 */
export function costOf(operation: string, request: WireRequest): number {
  const bytes = bodyBytes(request) ?? bodyLimitOf(operation).maxBytes;
  return (COSTS.get(operation) ?? 1) + Math.floor(bytes / BYTES_PER_UNIT);
}

/**
 * Maximum number of buckets per kind of rate limit. A bucket takes about 100 bytes, so all four kinds take at most 20
 * MB. A bucket is full again before this many other buckets have been used, so dropping the bucket changes nothing.
 */
const MAX_KEYS = 50_000;
const REPORT_INTERVAL_MS = 60_000;

const SCOPE_TEXT: Record<RateLimitScope, string> = {
  address: 'from this address',
  identity: 'of this identity',
  pool: 'in this identity pool',
  issuing: 'for identities and credentials of this identity pool',
};

export interface RateLimits {
  /**
   * Takes the cost of a request from the bucket of a caller. A caller without a key is not limited.
   *
   * @param key the source address, identity id or identity pool id
   * @throws {ServiceError} TooManyRequestsException with the seconds to wait
   */
  charge(scope: RateLimitScope, key: string | undefined, cost: number): void;
  /**
   * Takes a cost that is known only afterwards, even if the bucket does not have it. Later requests of the caller wait.
   *
   * @param key as in `charge`
   */
  owe(scope: RateLimitScope, key: string | undefined, cost: number): void;
  /**
   * Resolves when few enough requests of a caller are running. A caller without a key is not limited.
   *
   * @param scope what `key` is
   * @param key the source address or the identity id
   * @param request determines the size of the body
   * @returns the turn of the request (its permission to run), which must end when the request has ended; see `inTurn`
   * @throws {ServiceError} TooManyRequestsException if the request waited too long
   */
  enter(scope: 'address' | 'identity', key: string | undefined, request: WireRequest): Promise<Turn>;
}

/** Rate limits that reject no request. */
export const NO_RATE_LIMITS: RateLimits = {
  charge: () => undefined,
  owe: () => undefined,
  enter: async () => UNLIMITED_TURN,
};

/** The requests of a scope that were rejected since the scope's last report. */
export interface RateLimitReport {
  scope: RateLimitScope;
  /** The key of the last rejected request. */
  key: string;
  refusals: number;
}

/**
 * Creates the rate limits of one process. Requests of developers are not limited, because their access keys belong to
 * the operator.
 *
 * @param now milliseconds of a clock that never goes back
 * @param report is called at most once a minute per scope
 */
export function createRateLimits({
  settings,
  now,
  report,
}: {
  settings: RateLimitSettings;
  now: () => number;
  report: (refused: RateLimitReport) => void;
}): RateLimits {
  const scopes = {
    address: createScope('address'),
    identity: createScope('identity'),
    pool: createScope('pool'),
    issuing: createScope('issuing'),
  };

  function createScope(scope: RateLimitScope) {
    const buckets = createTokenBuckets({ rate: settings[scope], maxKeys: MAX_KEYS, now });
    let refusals = 0;
    let reportAt = Number.NEGATIVE_INFINITY;
    const take = (key: string, cost: number): number => {
      const waitMs = buckets.take(key, cost);
      if (waitMs === 0) return 0;
      refusals += 1;
      if (now() >= reportAt) {
        report({ scope, key, refusals });
        refusals = 0;
        reportAt = now() + REPORT_INTERVAL_MS;
      }
      return waitMs;
    };
    return { take, owe: buckets.owe };
  }

  const turns = createTurns(now);

  return {
    charge(scope, key, cost) {
      if (key === undefined) return;
      const waitMs = scopes[scope].take(bucketOf(scope, key), cost);
      if (waitMs === 0) return;
      const seconds = Math.ceil(waitMs / 1000);
      throw new ServiceError(
        'TooManyRequestsException',
        `too many requests ${SCOPE_TEXT[scope]}; retry after ${seconds} s`,
        seconds,
      );
    },

    owe(scope, key, cost) {
      if (key !== undefined && cost > 0) scopes[scope].owe(bucketOf(scope, key), cost);
    },

    async enter(scope, key, request) {
      return key === undefined ? UNLIMITED_TURN : turns.enter(bucketOf(scope, key), hasLargeBody(request));
    },
  };
}

/** Returns the cost of a response, in addition to the cost of its request: 1 for each 64 KiB. */
export function costOfResponse(length: number): number {
  return Math.floor(length / BYTES_PER_UNIT);
}

/** All addresses that one caller can easily use count as one. */
function bucketOf(scope: RateLimitScope, key: string): string {
  return scope === 'address' ? networkOf(key) : key;
}
