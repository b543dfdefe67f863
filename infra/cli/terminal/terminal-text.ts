/**
 * Maximum length of a letter (grapheme cluster) in UTF-16 code units. Real letters are shorter. Only text that was made
 * to exceed this length, such as a letter with dozens of accents, is cut too early.
 */
const UNITS_OF_LETTER = 20;

/** Truncates a text to at most `maxLength` letters; an ellipsis marks the cut. */
export function cutTo(maxLength: number, text: string): string {
  // Values can have a million letters, so segment only the start.
  const start = text.slice(0, maxLength * UNITS_OF_LETTER);
  const letters = lettersOf(start);
  if (letters.length <= maxLength && start === text) return text;
  return `${letters.slice(0, maxLength - 1).join('')}…`;
}

/** Splits a text into what a reader sees as letters (grapheme clusters), each of one or more code points. */
export function lettersOf(text: string): string[] {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

const WIDE =
  /^[\p{sc=Han}\p{sc=Hangul}\p{sc=Hiragana}\p{sc=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;

/** Returns the number of columns that a text takes on most terminals. */
export function widthOf(text: string): number {
  return lettersOf(text).reduce((width, letter) => width + (WIDE.test(letter) ? 2 : 1), 0);
}
