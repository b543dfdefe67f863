import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

// Any value can be thrown, including a value that has no text or that throws when it is read.

/** Returns the message of an error, or the text of any other thrown value. */
export function messageOfThrown(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'a value without a message was thrown';
  }
}

/**
 * Describes in one line what the user's code (sync rules or a local function) threw: the message, and the location in
 * the user's own file if the stack contains one. Locations in packages or in this project's code are skipped.
 */
export function describeThrown(thrown: unknown): string {
  const text = textOf(thrown)
    .replaceAll(/\s*[\r\n]\s*/g, ' ')
    .trim();
  const location = locationOf(stackOf(thrown));
  return location === undefined ? text : `${text} (${location})`;
}

/**
 * Formats any thrown value. An object that is not an error is formatted in the way Node prints objects, because its own
 * text is only `[object Object]`.
 */
function textOf(thrown: unknown): string {
  try {
    const needsInspect = typeof thrown === 'object' && !(thrown instanceof Error);
    return needsInspect ? inspect(thrown) : messageOfThrown(thrown);
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

/** A stack frame. For a syntax error, Node writes the location on the first line of the stack, above the message. */
const FRAME = /^(?:\s*at (?:.*[ (])?)?((?:file:\/\/)?\/[^\s)]*?):(\d+(?::\d+)?)\)?$/gm;
const OWN_CODE = ['lib', 'functions', 'infra'].map((room) =>
  fileURLToPath(new URL(`../../${room}/`, import.meta.url)),
);

function locationOf(stack: string): string | undefined {
  for (const [, file = '', at] of stack.matchAll(FRAME)) {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    const isOwn = OWN_CODE.some((room) => path.startsWith(room));
    if (!isOwn && !path.includes('/node_modules/')) return `${path}:${at}`;
  }
  return undefined;
}
