import { pathToFileURL } from 'node:url';

/** Of anything, as anything can be thrown: also what no text can be made of, and what throws when it is looked at. */
export function textOfThrown(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'it threw something without a message';
  }
}

/** The same, and the first line of these files that its stack names, if any: of a syntax error, nobody could guess it. */
export function textWithPlace(thrown: unknown, paths: Iterable<string>): string {
  const text = textOfThrown(thrown);
  const place = findPlace(thrown, [...paths]);
  return place === undefined ? text : `${text} (${place})`;
}

function findPlace(thrown: unknown, paths: readonly string[]): string | undefined {
  const spellings = paths.flatMap((path) => [path, pathToFileURL(path).href].map((text) => ({ path, text })));
  for (const line of linesOfStack(thrown)) {
    for (const { path, text } of spellings) {
      const [, after] = line.split(`${text}:`, 2);
      const number = /^\d+/.exec(after ?? '');
      if (number) return `${path}:${number[0]}`;
    }
  }
  return undefined;
}

function linesOfStack(thrown: unknown): string[] {
  try {
    return thrown instanceof Error ? String(thrown.stack).split('\n') : [];
  } catch {
    return [];
  }
}
