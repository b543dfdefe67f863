const MIN_MS = Date.parse('0001-01-01T00:00:00Z');
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');
const NUMBER = /^[+-]?\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,2})?$/;
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

/**
 * Parses a timestamp in any form that clients send: epoch seconds as a number, with or without a fraction; epoch
 * seconds as text, which the iOS SDK sends; or ISO 8601.
 *
 * @returns whole epoch milliseconds; undefined if the value has none of these forms or is outside the years 1 to 9999
 */
export function parseTimestamp(value: unknown): number | undefined {
  const ms = Math.round(milliseconds(value));
  // Adding 0 converts -0 to 0.
  return ms >= MIN_MS && ms <= MAX_MS ? ms + 0 : undefined;
}

function milliseconds(value: unknown): number {
  if (typeof value === 'number') return value * 1000;
  if (typeof value !== 'string') return Number.NaN;
  if (NUMBER.test(value)) return Number(value) * 1000;
  return ISO.test(value) ? Date.parse(value) : Number.NaN;
}

/** Converts epoch milliseconds to the form that the service sends: epoch seconds, with milliseconds as the fraction. */
export function formatTimestamp(ms: number): number {
  return ms / 1000;
}
