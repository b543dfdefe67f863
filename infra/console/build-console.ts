import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { BUILT_CONSOLE, type ConsoleFiles, toConsoleFile } from './console-file.ts';

const PAGE = new URL('page/', import.meta.url);
const COPIED = ['index.html', 'icon.svg'];

/** Bundles the console: the page, its style, `app.js`, and chunks that `app.js` loads on use, such as the SQL editor. */
export async function buildConsole(): Promise<ConsoleFiles> {
  const { outputFiles } = await build({
    entryPoints: ['app.tsx', 'style.css'].map((name) => fileURLToPath(new URL(name, PAGE))),
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    tsconfigRaw: {},
    outdir: fileURLToPath(BUILT_CONSOLE),
    chunkNames: '[name]-[hash]',
    legalComments: 'none',
    logLevel: 'silent',
    write: false,
  });
  const copied = COPIED.map(
    async (name) => [name, toConsoleFile(name, await readFile(new URL(name, PAGE), 'utf8'))] as const,
  );
  return new Map([
    ...(await Promise.all(copied)),
    ...outputFiles.map(({ path, text }) => [basename(path), toConsoleFile(basename(path), text)] as const),
  ]);
}
