import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';
import { isObject } from './json.ts';
import { nearestName } from './nearest-name.ts';
import type { TokenRate } from './token-buckets.ts';

/**
 * The kinds of rate limit. Each kind has one token bucket per address, identity or pool. The names are those of the
 * members of RATE_LIMITS.
 */
export type RateLimitScope = 'address' | 'identity' | 'pool' | 'issuing';

export type RateLimitSettings = Readonly<Record<RateLimitScope, TokenRate>>;

/**
 * The default limits, in units of cost; see `costOf` in lib/wire/rate-limits.ts.
 *
 * Amazon's quotas apply to an account: 25 calls of GetId and 200 calls of GetCredentialsForIdentity or GetOpenIdToken
 * per second. Source: developer guide, "Quotas in Amazon Cognito". Here, the quotas apply to a pool (`issuing`),
 * because one app uses one pool. An address gets a quarter of the pool's limit, so that one caller cannot exhaust the
 * limit of the pool. Amazon publishes no rates for Cognito Sync, so the limits `identity` and `pool` are this project's
 * own.
 */
export const DEFAULT_RATE_LIMITS: RateLimitSettings = {
  /** Requests of identities, and requests without signature, from one address. */
  address: { perSecond: 50, burst: 500 },
  /**
   * Signed requests of one identity. A device with 20 datasets sends 60 requests at start. If each dataset has the
   * maximum size of 1 MB, the responses cost 320 units more, one for each 64 KiB.
   */
  identity: { perSecond: 20, burst: 400 },
  /** Signed requests of all identities of a pool. */
  pool: { perSecond: 2_000, burst: 4_000 },
  /** Identities, credentials and tokens that are issued for a pool. */
  issuing: { perSecond: 200, burst: 2_000 },
};

const EXAMPLE = '{"address":{"perSecond":50,"burst":500}}';
/** Numbers above this maximum are treated as mistakes. To have no limit, operators use `off`. */
const MAX_RATE = 1_000_000;

/**
 * Reads RATE_LIMITS: `on`, `off`, or JSON with the limits that differ from the defaults.
 *
 * @param isOnByDefault whether an unset variable means `on`
 * @returns null if requests are not limited
 * @throws {SetupError} the value has none of these three forms, or the JSON has a wrong member; the message names the
 *   member and the nearest correct name
 */
export function readRateLimits(
  { RATE_LIMITS: value }: Environment,
  isOnByDefault: boolean,
): RateLimitSettings | null {
  if (value === 'off' || (!value && !isOnByDefault)) return null;
  if (!value || value === 'on') return DEFAULT_RATE_LIMITS;
  const given = readMembers(parse(value), DEFAULT_RATE_LIMITS, '');
  const rateOf = (scope: keyof RateLimitSettings): TokenRate => {
    if (given[scope] === undefined) return DEFAULT_RATE_LIMITS[scope];
    const rate = readMembers(given[scope], DEFAULT_RATE_LIMITS[scope], `${scope}.`);
    const numberOf = (name: keyof TokenRate): number =>
      rate[name] === undefined
        ? DEFAULT_RATE_LIMITS[scope][name]
        : readNumber(rate[name], `${scope}.${name}`, name === 'burst' ? 1 : 0.001);
    return { perSecond: numberOf('perSecond'), burst: numberOf('burst') };
  };
  return {
    address: rateOf('address'),
    identity: rateOf('identity'),
    pool: rateOf('pool'),
    issuing: rateOf('issuing'),
  };
}

function parse(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new SetupError(
      `invalid RATE_LIMITS: the value is not JSON; use on, off, or JSON such as ${EXAMPLE}`,
    );
  }
}

/** Returns the members of a JSON object. Rejects members that the model does not have. */
function readMembers(value: unknown, model: object, path: string): Readonly<Record<string, unknown>> {
  const what = path === '' ? 'the value' : path.slice(0, -1);
  if (!isObject(value)) {
    throw new SetupError(`invalid RATE_LIMITS: ${what} is not an object; use JSON such as ${EXAMPLE}`);
  }
  const names = Object.keys(model);
  for (const name of Object.keys(value)) {
    if (names.includes(name)) continue;
    const nearest = nearestName(name, names);
    const advice = nearest ? `did you mean ${path}${nearest}?` : `use one of ${names.join(', ')}`;
    throw new SetupError(`invalid RATE_LIMITS: unknown member "${path}${name}"; ${advice}`);
  }
  return value;
}

function readNumber(value: unknown, name: string, min: number): number {
  if (typeof value === 'number' && value >= min && value <= MAX_RATE) return value;
  throw new SetupError(`invalid RATE_LIMITS: ${name} must be a number from ${min} to ${MAX_RATE}`);
}
