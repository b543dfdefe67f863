/** A letter of more would be one made to be long. */
const UNITS_OF_LETTER = 20;

/** Cuts a text off that has more than so many letters. */
export function cutTo(maxLength: number, text: string): string {
  // Values have up to a million letters.
  const start = text.slice(0, maxLength * UNITS_OF_LETTER);
  const letters = lettersOf(start);
  if (letters.length <= maxLength && start === text) return text;
  return `${letters.slice(0, maxLength - 1).join('')}…`;
}

/** What a reader takes for one letter each, however many code points it has. */
export function lettersOf(text: string): string[] {
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

const WIDE =
  /^[\p{sc=Han}\p{sc=Hangul}\p{sc=Hiragana}\p{sc=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;

/** Columns that a text takes on a terminal; some terminals see it otherwise. */
export function widthOf(text: string): number {
  return lettersOf(text).reduce((width, letter) => width + (WIDE.test(letter) ? 2 : 1), 0);
}
