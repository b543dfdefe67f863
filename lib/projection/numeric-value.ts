import { JSON_NUMBER } from '../common/json.ts';

const MAX_DIGITS = 40;

/**
 * The number that a record's text is, as SQL `numeric` takes it: the text itself where it matches JSON's number
 * grammar and takes at most 40 digits written out without an exponent; null for every other text. The bound keeps
 * `1e999999` from being refused, or blown up, by the database.
 */
export function numericValue(value: string): string | null {
  if (value.length > MAX_DIGITS + '-.e+00'.length) return null;
  const match = JSON_NUMBER.exec(value);
  if (!match) return null;
  const [, whole = '', fraction = '', exponentText = '0'] = match;
  const exponent = Number(exponentText);
  const digits = Math.max(whole.length + exponent, 1) + Math.max(fraction.length - exponent, 0);
  return digits <= MAX_DIGITS ? value : null;
}
