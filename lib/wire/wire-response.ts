import type { RawRequest } from './sigv4.ts';

export interface WireResponse {
  status: number;
  /** Android looks `x-amzn-ErrorType` up by its very letters: whoever sends these keeps their case. */
  headers: [name: string, value: string][];
  body: string;
}

/** What the wire layer logs through. */
export interface WireLogger {
  error(message: string, details: Record<string, unknown>): void;
}

type Header = [name: string, value: string];

/** Two days: how long a browser may remember the permission; browsers shorten it as they like. */
const MAX_AGE_SECONDS = 172_800;
const HEADER_NAMES = /^[\w-]+(\s*,\s*[\w-]+)*$/;

/**
 * What every answer to a browser carries: any web page may read it, since data is given only to what was signed, or
 * proves itself by the tokens in its body; a browser adds neither by itself. The SDK reads all three exposed headers, `Date` to set its clock right.
 */
export const CROSS_ORIGIN_HEADERS: readonly Header[] = [
  ['Access-Control-Allow-Origin', '*'],
  ['Access-Control-Expose-Headers', 'x-amzn-RequestId,x-amzn-ErrorType,Date'],
];

/**
 * Permission for the request that a browser asks about beforehand. The headers it names are allowed as named: the
 * SDKs' change from version to version, and a wildcard would not cover `Authorization`.
 */
export function preflightHeaders({ headers }: RawRequest): Header[] {
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
