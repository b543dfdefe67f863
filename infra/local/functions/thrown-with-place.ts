import { pathToFileURL } from 'node:url';
import { messageOfThrown, stackOfThrown } from '../../../lib/common/thrown.ts';

/**
 * The message of what was thrown, and the first line of these files that its stack names, if any: of a syntax error,
 * nobody could guess it.
 */
export function thrownWithPlace(thrown: unknown, paths: Iterable<string>): string {
  const message = messageOfThrown(thrown);
  const place = findPlace(stackOfThrown(thrown), [...paths]);
  return place === undefined ? message : `${message} (${place})`;
}

function findPlace(stack: string, paths: readonly string[]): string | undefined {
  const spellings = paths.flatMap((path) => [path, pathToFileURL(path).href].map((text) => ({ path, text })));
  for (const line of stack.split('\n')) {
    for (const { path, text } of spellings) {
      const [, after] = line.split(`${text}:`, 2);
      const number = /^\d+/.exec(after ?? '');
      if (number) return `${path}:${number[0]}`;
    }
  }
  return undefined;
}
