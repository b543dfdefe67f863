import type { RequestHead } from './canonical-request.ts';

type Header = [name: string, value: string];

/**
 * Two days: how long a browser may cache the preflight response. Each browser caches it for less time, because its own
 * maximum is lower.
 */
const MAX_AGE_SECONDS = 172_800;
const HEADER_NAMES = /^[\w-]+(\s*,\s*[\w-]+)*$/;

/**
 * CORS headers of every response. Any web page may read responses, because data is returned only for a valid signature
 * or for valid tokens in the body. A browser adds neither a signature nor tokens by itself. The SDK for JavaScript
 * reads all three exposed headers. It uses `Date` to correct its clock.
 */
export const CROSS_ORIGIN_HEADERS: readonly Header[] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Expose-Headers', 'x-amzn-RequestId,x-amzn-ErrorType,Date'],
];

/**
 * Returns the headers that answer a CORS preflight request. Allows exactly the headers that the browser names. The
 * headers that the SDKs send change between versions, and a wildcard would not include `Authorization`.
 */
export function preflightHeaders({ headers }: RequestHead): Header[] {
  const asked = headers['access-control-request-headers'];
  const names = Array.isArray(asked) ? asked.join(',') : asked;
  return [
    ['Access-Control-Allow-Methods', 'GET, POST, DELETE'],
    ...(names !== undefined && HEADER_NAMES.test(names)
      ? [['Access-Control-Allow-Headers', names] satisfies Header]
      : []),
    ['Access-Control-Max-Age', String(MAX_AGE_SECONDS)],
  ];
}
