import { isAbsolute, relative } from 'node:path';

/** Returns the path relative to the working directory if the file is in it. Otherwise returns the path unchanged. */
export function shortPath(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') || isAbsolute(short) ? path : short;
}
