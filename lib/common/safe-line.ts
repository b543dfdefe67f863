/** What would move the cursor, change colours or the direction of writing, or is no character. */
const UNSAFE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/**
 * Makes of any text one line that cannot drive a terminal: by `\u…`, so that JSON still stands for the same.
 */
export function toSafeLine(text: string): string {
  return text.replaceAll(UNSAFE, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
