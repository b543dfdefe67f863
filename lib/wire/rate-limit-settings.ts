import type { Environment } from '../common/environment.ts';
import { SetupError } from '../common/errors.ts';
import { isObject } from '../common/json.ts';
import { nearestName } from '../common/nearest-name.ts';
import type { TokenRate } from '../common/token-buckets.ts';
import { DEFAULT_RATE_LIMITS, type RateLimitSettings } from './rate-limits.ts';

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
