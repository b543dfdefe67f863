/** Whether SQL text can store the value. SQL text cannot store NUL characters or unpaired surrogates. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/**
 * Whether a text has more than `maxLength` code points, the unit of the API model. Counts code points only if the
 * number of UTF-16 units does not already give the answer.
 */
export function isLongerThan(value: string, maxLength: number): boolean {
  return value.length > maxLength && (value.length > 2 * maxLength || [...value].length > maxLength);
}

/** Characters that move the cursor, change colours or change the writing direction, and unpaired surrogates. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Escapes a text as one line that cannot control a terminal. The escapes are `\u…`, so JSON keeps its meaning. */
export function toSafeLine(text: string): string {
  return text.replaceAll(UNSAFE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * Maximum number of characters of a key in an error message. The service truncates error messages of sync triggers
 * after 1,000 characters, so a key of 1,024 characters would leave no room for the reason.
 */
const MAX_SHOWN = 100;

/**
 * Shortens a key and escapes it as in a JSON string, without quotes. Devices choose their keys, and the result is
 * logged as is.
 */
export function showKey(key: string): string {
  const text = JSON.stringify(key.slice(0, MAX_SHOWN).toWellFormed());
  return toSafeLine(text.slice(1, -1));
}
