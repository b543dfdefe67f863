import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { messageOfThrown, stackOfThrown } from '../../common/thrown.ts';

/** What the user's code threw, in one line, with the place in the user's files, if any can be told. */
export function describeThrown(thrown: unknown): string {
  const text = shownOf(thrown)
    .replaceAll(/\s*\n\s*/g, ' ')
    .trim();
  const place = placeOf(stackOfThrown(thrown));
  return place === null ? text : `${text} (${place})`;
}

/** What is no error is shown as Node shows it: of an object, its text says nothing. */
function shownOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? messageOfThrown(thrown) : inspect(thrown);
  } catch {
    return messageOfThrown(thrown);
  }
}

const LIB = new URL('../../', import.meta.url).href;

/** Of a syntax error Node says the place only at the top of the stack, above the message. */
function placeOf(stack: string): string | null {
  const places = stack.matchAll(/(?:^|\bat .*?)(file:\/\/[^\s)]+?):(\d+(?::\d+)?)\)?$/gm);
  for (const [, file = '', at] of places) {
    if (!file.startsWith(LIB) && !file.includes('/node_modules/')) return `${fileURLToPath(file)}:${at}`;
  }
  return null;
}
