/**
 * One invisible character, and its repetitions: control characters, line separators, and what Unicode calls "default
 * ignorable", such as zero-width characters and those that change the writing direction. Line ends and tabs are not
 * among them, and neither are the characters that join the parts of an emoji. The lengths in the lookbehinds are limited,
 * so that the time does not grow with their square.
 */
const INVISIBLE = new RegExp(
  `(${[
    String.raw`(?![\t\n\r])\p{Cc}`,
    String.raw`\r(?!\n)`,
    String.raw`[\p{Zl}\p{Zp}\ufff9-\ufffb]`,
    [
      // Unicode counts digits, # and * as emoji, but only a keycap such as 1️⃣ joins them to a variation selector.
      String.raw`(?!(?<=\p{Emoji})(?:(?<![\d#*])\ufe0f|\ufe0f\u20e3))`,
      String.raw`(?!(?<=\p{Extended_Pictographic}[\ufe0f\p{Emoji_Modifier}]{0,2})\u200d\p{Extended_Pictographic})`,
      String.raw`(?!(?<=\u{1f3f4}[\u{e0020}-\u{e007e}]{0,8})[\u{e0020}-\u{e007f}])`,
      String.raw`\p{Default_Ignorable_Code_Point}`,
    ].join(''),
  ].join('|')})\\1*`,
  'gu',
);

export interface TextPart {
  text: string;
  /** The name of the invisible characters in `text`, for example `U+202E`. Null for visible text. */
  mark: string | null;
}

/** Maximum number of marks that the page shows in one text. More would block the browser. */
export const MAX_MARKS = 1_000;

/**
 * Splits a text into visible parts and invisible characters. The parts and the rest together are the text.
 * @param limit maximum number of parts with a mark. `rest` starts with the first invisible character after them. It is
 *   empty if the text has no more
 */
export function splitInvisible(text: string, limit: number): { parts: TextPart[]; rest: string } {
  const parts: TextPart[] = [];
  let end = 0;
  let marks = 0;
  for (const { 0: found, 1: character = '', index } of text.matchAll(INVISIBLE)) {
    if (index > end) parts.push({ text: text.slice(end, index), mark: null });
    if (marks === limit) return { parts, rest: text.slice(index) };
    marks += 1;
    parts.push({ text: found, mark: nameOf(character, found.length / character.length) });
    end = index + found.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), mark: null });
  return { parts, rest: '' };
}

/** Replaces invisible characters by their names, for places that show only plain text: `a[U+202E]b`. */
export function showInvisible(text: string): string {
  return splitInvisible(text, Number.POSITIVE_INFINITY)
    .parts.map((part) => (part.mark === null ? part.text : `[${part.mark}]`))
    .join('');
}

/** Like `showInvisible`. The writing direction of the text does not change that of the text beside it. */
export function isolate(text: string): string {
  const [firstStrong, pop] = ['\u2068', '\u2069'];
  return `${firstStrong}${showInvisible(text)}${pop}`;
}

function nameOf(character: string, count: number): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `U+${code}${count > 1 ? ` ×${count}` : ''}`;
}
