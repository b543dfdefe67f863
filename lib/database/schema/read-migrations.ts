import { readdir, readFile } from 'node:fs/promises';

export interface Migration {
  /** The file name. */
  name: string;
  sql: string;
}

const DIRECTORY = new URL('./migrations/', import.meta.url);

/**
 * Reads the files of `migrations/`, sorted by name. In a bundle, infra/stack/bundle/esbuild-plugins.ts inlines them.
 */
export async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(new URL(name, DIRECTORY), 'utf8') })),
  );
}
