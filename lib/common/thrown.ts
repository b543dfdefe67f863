import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

// Anything can be thrown, including a value that has no text and one that throws when it is read.

/** The message of an error, the text of anything else. */
export function messageOfThrown(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'it threw something without a message';
  }
}

/**
 * Describes what the user's code threw in one line: its message, and the place in the user's own file, if the stack
 * names one. A place in a package or in this project's code is not the user's.
 */
export function describeThrown(thrown: unknown): string {
  const text = shownOf(thrown)
    .replaceAll(/\s*[\r\n]\s*/g, ' ')
    .trim();
  const place = placeOf(stackOf(thrown));
  return place === undefined ? text : `${text} (${place})`;
}

/** An object that is not an error is shown as Node shows it; its own text is `[object Object]`. */
function shownOf(thrown: unknown): string {
  try {
    const isShown = typeof thrown === 'object' && !(thrown instanceof Error);
    return isShown ? inspect(thrown) : messageOfThrown(thrown);
  } catch {
    return messageOfThrown(thrown);
  }
}

function stackOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? String(thrown.stack ?? '') : '';
  } catch {
    return '';
  }
}

/** A frame of a stack. For a syntax error, Node writes the place at the top of the stack, above the message. */
const FRAME = /^(?:\s*at (?:.*[ (])?)?((?:file:\/\/)?\/[^\s)]*?):(\d+(?::\d+)?)\)?$/gm;
const OWN_CODE = ['lib', 'functions', 'infra'].map((room) =>
  fileURLToPath(new URL(`../../${room}/`, import.meta.url)),
);

function placeOf(stack: string): string | undefined {
  for (const [, file = '', at] of stack.matchAll(FRAME)) {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    const isOwn = OWN_CODE.some((room) => path.startsWith(room));
    if (!isOwn && !path.includes('/node_modules/')) return `${path}:${at}`;
  }
  return undefined;
}
