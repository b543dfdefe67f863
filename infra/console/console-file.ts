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

/** @throws {Error} the console cannot contain a file of this type */
export function toConsoleFile(name: string, text: string): ConsoleFile {
  const type = TYPES[extname(name)];
  if (type === undefined)
    throw new Error(`${name} has an unknown extension; add the extension to infra/console/console-file.ts`);
  return { type, text };
}
