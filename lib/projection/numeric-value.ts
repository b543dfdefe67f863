import { JSON_NUMBER } from '../common/json.ts';

const MAX_DIGITS = 40;

/**
 * Returns a record's text unchanged if it can be stored as SQL `numeric`. Returns null if the text does not match
 * JSON's number grammar, or needs more than 40 digits when written without an exponent. The limit prevents the database
 * from rejecting or expanding `1e999999`.
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
