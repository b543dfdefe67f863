import { tryParseJson } from './json.ts';

/** A bracket, a comma, a colon, the start of a string, or a number or word. */
const TOKEN = /["[\]{},:]|[^\s[\]{},:"]+/g;
const MAX_GROWTH = 10;

/**
 * Returns a JSON object or list with indentation. Any other text is returned unchanged, and so is JSON that would
 * become more than ten times as long. Only white space changes, because the text may be stored again: numbers keep all
 * of their digits, and members that occur twice stay.
 */
export function formatJson(text: string): string {
  if (!/^\s*[[{]/.test(text) || tryParseJson(text) === undefined) return text;
  const maxLength = 10_000 + text.length * MAX_GROWTH;
  const parts: string[] = [];
  let length = 0;
  let indent = '\n';
  let previous = '';
  for (const token of tokensOf(text)) {
    const opens = previous === '[' || previous === '{';
    const closes = token === ']' || token === '}';
    if (closes) indent = indent.slice(0, -2);
    let space = '';
    if (closes ? !opens : opens || previous === ',') space = indent;
    else if (previous === ':') space = ' ';
    parts.push(space, token);
    length += space.length + token.length;
    if (length > maxLength) return text;
    if (token === '[' || token === '{') indent += '  ';
    previous = token;
  }
  return parts.join('');
}

/**
 * Splits JSON into tokens. The pattern matches only the start of a string: matching a whole string with many escapes
 * would exceed the stack of the regular expression engine.
 */
function* tokensOf(json: string): Generator<string> {
  const next = new RegExp(TOKEN);
  for (let found = next.exec(json); found !== null; found = next.exec(json)) {
    if (found[0] === '"') next.lastIndex = endOfString(json, found.index);
    yield json.slice(found.index, next.lastIndex);
  }
}

function endOfString(json: string, start: number): number {
  for (let at = start + 1; ; at += 1) {
    if (json[at] === '"') return at + 1;
    if (json[at] === '\\') at += 1;
  }
}
