import type { Environment } from './environment.ts';
import { SetupError } from './errors.ts';

/**
 * Reads ORIGIN_RATE, the maximum number of calls per second to a migration's origin. @throws {SetupError} the value is
 * invalid
 */
export function readOriginRate({ ORIGIN_RATE: value }: Environment): number | undefined {
  if (!value) return undefined;
  const rate = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  if (rate >= 1 && rate <= 1_000) return rate;
  throw new SetupError(
    'invalid ORIGIN_RATE: use the maximum number of calls per second, a whole number from 1 to 1000',
  );
}

/**
 * Reads ORIGIN_ENDPOINT_URL, the address of a migration's origin. Rejects everything except the address of a server:
 * the SDK would send signed requests to any URL.
 * @throws {SetupError} the value is invalid; the message does not quote it
 */
export function readOriginEndpoint({ ORIGIN_ENDPOINT_URL: value }: Environment): string | undefined {
  if (!value) return undefined;
  const url = URL.parse(value);
  const isAddress =
    url !== null &&
    /^https?:$/.test(url.protocol) &&
    url.username === '' &&
    url.password === '' &&
    url.search === '' &&
    url.hash === '' &&
    url.pathname === '/';
  if (isAddress) return url.origin;
  throw new SetupError(
    'invalid ORIGIN_ENDPOINT_URL: use the HTTP or HTTPS address of a service, without user, path or query, for example https://sync.example.com',
  );
}
