import { readdir, readFile } from 'node:fs/promises';

export interface Migration {
  /** Of the file. */
  name: string;
  sql: string;
}

const DIRECTORY = new URL('./migrations/', import.meta.url);

/** The files of `migrations/` in the order of their names. A bundle has them in it: infra/stack/bundle/bundle-plugins.ts. */
export async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name) => ({ name, sql: await readFile(new URL(name, DIRECTORY), 'utf8') })),
  );
}
