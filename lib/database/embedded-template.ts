import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Database } from './database.ts';
import { packDirectory, unpackDirectory } from './directory-archive.ts';
import { openPglite } from './drivers/pglite/open-pglite.ts';
import { migrate } from './schema/migrate.ts';
import { readMigrations } from './schema/read-migrations.ts';

/**
 * `migrated` is an embedded database with the current schema and no rows; `empty` has no schema. Neither contains
 * secrets or data.
 */
export type TemplateKind = 'migrated' | 'empty';

/** The folder of the templates: in the root of the checkout or of the package. */
const FOLDER = fileURLToPath(new URL('../../.template/', import.meta.url));

/** Buffer size for decompression, larger than a template. With Node's default, it takes eight times the CPU time. */
const CHUNK_BYTES = 64 * 1024 * 1024;

/**
 * Writes an embedded database to `dataDir` by unpacking a template, which takes 0.1 s. PGlite takes about 8 s to create
 * a database.
 *
 * @returns false if there is no template for the installed version of PGlite and the current migrations, or the file is
 *   damaged or cannot be read; nothing was written then
 */
export async function restoreTemplate(
  dataDir: string,
  kind: TemplateKind = 'migrated',
  folder = FOLDER,
): Promise<boolean> {
  const path = (await templatePaths(folder))[kind];
  if (!existsSync(path)) return false;
  const archive = await readTemplate(path);
  if (archive === null) return false;
  unpackDirectory(archive, dataDir);
  return true;
}

/**
 * Returns null for a template that cannot be read, for example after an interrupted installation. A template only saves
 * time, so the first start must not fail without it.
 */
async function readTemplate(path: string): Promise<Buffer | null> {
  try {
    return zstdDecompressSync(await readFile(path), { chunkSize: CHUNK_BYTES });
  } catch {
    return null;
  }
}

/**
 * Creates the templates that do not exist yet, and removes outdated templates.
 * @returns the path of the template with the current schema
 */
export async function createTemplates(folder = FOLDER): Promise<string> {
  const paths = await templatePaths(folder);
  await mkdir(folder, { recursive: true });
  if (!existsSync(paths.empty)) await create(folder, paths.empty, async () => undefined);
  if (!existsSync(paths.migrated)) await create(folder, paths.migrated, migrate);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    // The directories belong to processes that are creating a template.
    if (entry.isFile() && !Object.values(paths).includes(path)) await rm(path, { force: true });
  }
  return paths.migrated;
}

/** Creates a template by changing the empty template, if it exists, or else a new database. */
async function create(
  folder: string,
  path: string,
  change: (database: Database) => Promise<unknown>,
): Promise<void> {
  const directory = await mkdtemp(join(folder, 'creating-'));
  try {
    const dataDir = join(directory, 'database');
    await restoreTemplate(dataDir, 'empty', folder);
    const database = await openPglite({ dataDir });
    try {
      await change(database);
      // After a checkpoint, opening a copy of the database does not need to repeat changes of the write-ahead log.
      await database.query('CHECKPOINT');
    } finally {
      await database.close();
    }
    // Other processes must never read an incomplete template.
    const unfinished = join(directory, 'template');
    await writeFile(unfinished, zstdCompressSync(packDirectory(dataDir)));
    await rename(unfinished, path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Returns the path of each template. The names change with everything that the content depends on: the version of
 * PGlite, and the migrations.
 */
async function templatePaths(folder: string): Promise<Record<TemplateKind, string>> {
  const hash = createHash('sha256').update(await pgliteVersion());
  const empty = hash.copy().digest('hex');
  for (const { name, sql } of await readMigrations()) hash.update(`\n${name}\n${sql}`);
  const path = (kind: TemplateKind, digest: string) => join(folder, `${kind}-${digest.slice(0, 16)}.zst`);
  return { empty: path('empty', empty), migrated: path('migrated', hash.digest('hex')) };
}

async function pgliteVersion(): Promise<string> {
  const main = createRequire(import.meta.url).resolve('@electric-sql/pglite');
  const { version } = JSON.parse(await readFile(join(main, '../../package.json'), 'utf8'));
  return String(version);
}
