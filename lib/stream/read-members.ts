import { MAX_DATE_MS, MIN_DATE_MS } from '../common/bounds.ts';
import { isLongerThan } from '../common/text.ts';
import { StreamEventError } from './stream-event.ts';

/** A JSON object whose members are not validated yet. */
export type Members = Readonly<Record<string, unknown>>;

export function notAnEvent(message: string): StreamEventError {
  return new StreamEventError('not-a-cognito-event', message);
}

/**
 * Validates a text.
 *
 * @throws {StreamEventError} the value is not a string of `minLength` to `maxLength` code points that matches `pattern`
 */
export function text(
  value: unknown,
  name: string,
  { minLength = 1, maxLength, pattern }: { minLength?: number; maxLength: number; pattern?: RegExp },
): string {
  if (typeof value !== 'string') throw notAnEvent(`${name} is not a string`);
  if (value.length < minLength || isLongerThan(value, maxLength)) {
    throw notAnEvent(`${name} must be ${minLength} to ${maxLength} characters long`);
  }
  if (pattern && !pattern.test(value)) throw notAnEvent(`${name} does not match ${pattern.source}`);
  return value;
}

/** Validates a count. @throws {StreamEventError} the value is not an integer from 0 to 2^53 - 1 */
export function count(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || Number(value) < 0) {
    throw notAnEvent(`${name} must be an integer from 0 to 2^53 - 1`);
  }
  return Number(value);
}

/** Validates a date. @throws {StreamEventError} the value is not in whole epoch milliseconds of the years 1 to 9999 */
export function date(value: unknown, name: string): number {
  const ms = dateOrNull(value);
  if (ms === null) {
    throw notAnEvent(`${name} must be a date in whole epoch milliseconds, in the years 1 to 9999`);
  }
  return ms;
}

/** Reads a date that determines no order. Returns null for a value that `date` would reject. */
export function dateOrNull(value: unknown): number | null {
  if (!Number.isSafeInteger(value) || Number(value) < MIN_DATE_MS || Number(value) > MAX_DATE_MS) return null;
  // Normalizes -0, which a database would return as 0.
  return Number(value) + 0;
}

/** Validates a member with `read`. Returns null if the member is absent or null. */
export function optional<Value>(
  value: unknown,
  name: string,
  read: (value: unknown, name: string) => Value,
): Value | null {
  return value === undefined || value === null ? null : read(value, name);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Parses JSON. @throws {StreamEventError} the bytes are not JSON in UTF-8; `name` names the bytes in the message */
export function readJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    // The parser's message is not used, because it quotes the data.
    throw new StreamEventError('not-json', `${name} is not JSON in UTF-8`);
  }
}
