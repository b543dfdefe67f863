import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

/** What the user's code threw, in one line, with the place in the user's files, if any can be told. */
export function describeThrown(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : inspect(thrown);
  const place = thrown instanceof Error ? placeOf(thrown.stack ?? '') : null;
  return `${text.replaceAll(/\s*\n\s*/g, ' ').trim()}${place === null ? '' : ` (${place})`}`;
}

const LIB = new URL('../', import.meta.url).href;

/** Of a syntax error Node says the place only at the top of the stack, above the message. */
function placeOf(stack: string): string | null {
  const places = stack.matchAll(/(?:^|\bat .*?)(file:\/\/[^\s)]+?):(\d+(?::\d+)?)\)?$/gm);
  for (const [, file = '', at] of places) {
    if (!file.startsWith(LIB) && !file.includes('/node_modules/')) return `${fileURLToPath(file)}:${at}`;
  }
  return null;
}
