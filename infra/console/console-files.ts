import { readdir, readFile } from 'node:fs/promises';
import { extname } from 'node:path';

/** A file of the console. All files are text. */
export interface ConsoleFile {
  /** The value of the header `Content-Type`. */
  type: string;
  text: string;
}

/** The files of the console by name. `index.html` is the page. */
export type ConsoleFiles = ReadonlyMap<string, ConsoleFile>;

/** The directory of the bundled console in a packaged release. It does not exist in a checkout. */
export const BUILT_CONSOLE = new URL('built/', import.meta.url);

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Reads the console of a packaged release. In a checkout, bundles the console from its sources, which takes less than a
 * second.
 */
export async function loadConsole(built: URL = BUILT_CONSOLE): Promise<ConsoleFiles> {
  const names = await readdir(built).catch(() => null);
  if (names === null) {
    // Loaded on use: a packaged release does not contain esbuild.
    const { buildConsole } = await import('./build-console.ts');
    return buildConsole();
  }
  const read = names.map(
    async (name) => [name, toConsoleFile(name, await readFile(new URL(name, built), 'utf8'))] as const,
  );
  return new Map(await Promise.all(read));
}

/** @throws {Error} the console cannot contain a file of this type */
export function toConsoleFile(name: string, text: string): ConsoleFile {
  const type = TYPES[extname(name)];
  if (type === undefined) throw new Error(`${name} has an unexpected type`);
  return { type, text };
}
