/** SQL text can hold neither NUL nor unpaired surrogates. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed();
}

/** In code points, as the API model counts; counted only where the number of UTF-16 units leaves it open. */
export function isLongerThan(value: string, maxLength: number): boolean {
  return value.length > maxLength && (value.length > 2 * maxLength || [...value].length > maxLength);
}

/** What would move the cursor, change colours or the direction of writing, or is no character. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/**
 * Makes of any text one line that cannot drive a terminal: by `\u…`, so that JSON still stands for the same.
 */
export function toSafeLine(text: string): string {
  return text.replaceAll(UNSAFE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A key of 1,024 characters would leave no room for the reason: the service cuts messages off. */
const MAX_SHOWN = 100;

/** As JSON writes it, without the quotes: a device makes up its keys, and what shows them is logged as it is. */
export function showKey(key: string): string {
  const text = JSON.stringify(key.slice(0, MAX_SHOWN).toWellFormed());
  return toSafeLine(text.slice(1, -1));
}
