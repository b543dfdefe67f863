import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from '../common/bounds.ts';
import { isLongerThan, isStorable } from '../common/text.ts';

const NOT_STORABLE = 'contains NUL or unpaired surrogates';

/** Returns why a value from a rule cannot be stored; null if the value can be stored. */
export function valueProblem(value: unknown): string | null {
  if (typeof value !== 'string') return 'is not a string';
  if (isLongerThan(value, MAX_VALUE_LENGTH)) return `is longer than ${MAX_VALUE_LENGTH} characters`;
  return isStorable(value) ? null : NOT_STORABLE;
}

/** Returns why a key from a rule is invalid; null if it is valid. */
export function keyProblem(key: unknown): string | null {
  if (typeof key !== 'string') return 'is not a string';
  if (key === '' || isLongerThan(key, MAX_KEY_LENGTH))
    return `is empty or longer than ${MAX_KEY_LENGTH} characters`;
  return isStorable(key) ? null : NOT_STORABLE;
}
