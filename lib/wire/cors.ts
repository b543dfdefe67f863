import type { RequestHead } from './canonical-request.ts';

type Header = [name: string, value: string];

/**
 * How long a browser may cache the preflight response: two days. This is longer than the maximum of every browser, so
 * each browser caches the response for as long as it can.
 */
const MAX_AGE_SECONDS = 172_800;
const HEADER_NAMES = /^[\w-]+(\s*,\s*[\w-]+)*$/;

/**
 * CORS headers of every response. Any web page may read responses. This is safe, because the service returns data only
 * for a valid signature or for valid tokens in the body, and a browser adds neither by itself. The SDK for JavaScript
 * reads all three exposed headers; it corrects its clock with `Date`.
 */
export const CROSS_ORIGIN_HEADERS: readonly Header[] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Expose-Headers', 'x-amzn-RequestId,x-amzn-ErrorType,Date'],
];

/**
 * Returns the headers that answer a CORS preflight request. Allows exactly the headers that the browser names. A fixed
 * list would not work, because the headers that the SDKs send change between versions. A wildcard would not include
 * `Authorization`.
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
