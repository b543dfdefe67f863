import { readdir, readFile } from 'node:fs/promises';
import { BUILT_CONSOLE, type ConsoleFiles, toConsoleFile } from './console-file.ts';

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
