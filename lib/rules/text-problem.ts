import { MAX_KEY_LENGTH, MAX_VALUE_LENGTH } from '../common/bounds.ts';
import { isLongerThan, isStorable } from '../common/text.ts';

const NOT_STORABLE = 'holds NUL or unpaired surrogates';

/** Why what a rule made cannot be stored as a value; null where it can. */
export function valueProblem(value: unknown): string | null {
  if (typeof value !== 'string') return 'is no text';
  if (isLongerThan(value, MAX_VALUE_LENGTH)) return `is longer than ${MAX_VALUE_LENGTH} characters`;
  return isStorable(value) ? null : NOT_STORABLE;
}

/** Why what a rule made cannot be a key; null where it can. */
export function keyProblem(key: unknown): string | null {
  if (typeof key !== 'string') return 'is no text';
  if (key === '' || isLongerThan(key, MAX_KEY_LENGTH)) return `is not 1 to ${MAX_KEY_LENGTH} characters long`;
  return isStorable(key) ? null : NOT_STORABLE;
}
