import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';
import ts from 'typescript';
import { createTemplates } from '../../lib/database/embedded-template.ts';
import { buildConsole } from '../console/build-console.ts';
import { createManifest } from './create-manifest.ts';
import { findPackages } from './find-packages.ts';

// `npm run build`: creates the npm package in `dist/`. Each file keeps its path, because files load workers, migrations
// and settings relative to themselves. Only what CommonJS loads is bundled: the module for tests, which exists only in
// this form because every test runner loads it, and a second form of the module for rules.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The folder to create. Default: `dist`. */
const DIST = resolve(process.argv[2] ?? join(ROOT, 'dist'));
/** The files that the bin starts, and that users import. The files of threads and processes are found by their URLs. */
const ENTRIES = [
  'infra/cli/main.ts',
  'infra/local/start.ts',
  'infra/local/exec.ts',
  'infra/local/testing/cloud-process.ts',
  'lib/rules/public-api.ts',
  'sync-rules.ts',
];
/** The package contains the bundled console, so it never imports this file. */
const OMITTED = 'infra/console/build-console.ts';
const TESTING = 'infra/local/testing/testing.ts';
const RULES = 'lib/rules/public-api.ts';
const TARGET = 'node22.18';
/** kinesalite's files are resolved at run time. */
const RESOLVED_AT_RUN_TIME = ['kinesalite'];

await rm(DIST, { recursive: true, force: true });
const { files, imported } = await findFiles(ENTRIES);
for (const file of files) await writeCompiled(file);
await bundle(RULES, 'rules.cjs');
await bundle(TESTING, 'testing.cjs');
const importedByTypes = writeTypes();
for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md'])
  await copyFile(join(ROOT, file), join(DIST, file));
// Messages of the commands refer to pages and examples in `docs`.
for (const folder of ['lib/database/schema/migrations', 'docs'])
  await cp(join(ROOT, folder), join(DIST, folder), { recursive: true });
await writeBin();
for (const [name, { text }] of await buildConsole()) await write(join('infra/console/built', name), text);
const template = await createTemplates();
await mkdir(join(DIST, '.template'));
await copyFile(template, join(DIST, '.template', basename(template)));
const packages = await findPackages([...imported, ...RESOLVED_AT_RUN_TIME, ...importedByTypes]);
const manifest = createManifest(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')), packages);
await writeFile(join(DIST, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

/**
 * Returns the files that the entries import or load by URL, directly or indirectly, and the specifiers of the packages
 * that these files import.
 */
async function findFiles(entryPoints: readonly string[]): Promise<{ files: string[]; imported: string[] }> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: [...entryPoints],
    outdir: DIST,
    bundle: true,
    splitting: true,
    packages: 'external',
    external: [`*/${basename(OMITTED)}`],
    format: 'esm',
    platform: 'node',
    target: TARGET,
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const files = Object.keys(metafile.inputs);
  const loaded = (await Promise.all(files.map(filesLoadedBy))).flat();
  const added = loaded.filter((file) => !files.includes(file));
  if (added.length > 0) return findFiles([...entryPoints, ...new Set(added)]);
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.flatMap(({ path, external }) => (external ? [path] : [])),
  );
  return { files, imported };
}

/** Returns the files whose URLs a file contains, such as those of worker threads. */
async function filesLoadedBy(file: string): Promise<string[]> {
  const source = await readFile(join(ROOT, file), 'utf8');
  const urls = source.matchAll(/new URL\('([^']+\.ts)', import\.meta\.url\)/g);
  return [...urls].map(([, path = '']) => join(dirname(file), path));
}

/** Compiles a TypeScript file; copies any other file, which is JSON. */
async function writeCompiled(file: string): Promise<void> {
  const source = await readFile(join(ROOT, file), 'utf8');
  if (!file.endsWith('.ts')) return write(file, source);
  const { code } = await transform(source, { loader: 'ts', format: 'esm', platform: 'node', target: TARGET });
  await write(file.replace(/\.ts$/, '.js'), toJavaScriptNames(code));
}

/** Replaces the extension in relative specifiers and in the names of files that are loaded at run time. */
function toJavaScriptNames(code: string, extension: 'js' | 'cjs' = 'js'): string {
  return code.replaceAll(/(["'])(\.{1,2}\/[^"'\n]*)\.ts\1/g, `$1$2.${extension}$1`);
}

/** Bundles a module as CommonJS. */
async function bundle(entry: string, name: string): Promise<void> {
  const to = join(DIST, name);
  await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    outfile: to,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: TARGET,
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    logLevel: 'error',
  });
  const code = await readFile(to, 'utf8');
  await writeFile(to, code.replace('./cloud-process.ts', `./${dirname(entry)}/cloud-process.js`));
}

/**
 * Writes the declarations of the modules that users import, for ES modules (`.d.ts`) and for CommonJS (`.d.cts`).
 * `npm run check` checks the types.
 * @returns the specifiers that the declarations import
 */
function writeTypes(): string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ESNext,
    module: ts.ModuleKind.NodeNext,
    allowImportingTsExtensions: true,
    resolveJsonModule: true,
    noCheck: true,
    strict: true,
    declaration: true,
    emitDeclarationOnly: true,
    skipLibCheck: true,
    types: ['node'],
    rootDir: ROOT,
    outDir: DIST,
  };
  const program = ts.createProgram(
    [RULES, TESTING].map((file) => join(ROOT, file)),
    options,
  );
  const imported: string[] = [];
  program.emit(undefined, (path, text) => {
    ts.sys.writeFile(path, toJavaScriptNames(text));
    ts.sys.writeFile(path.replace(/ts$/, 'cts'), toJavaScriptNames(text, 'cjs'));
    imported.push(...ts.preProcessFile(text).importedFiles.map(({ fileName }) => fileName));
  });
  return imported;
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(DIST, file)), { recursive: true });
  await writeFile(join(DIST, file), text);
}

async function writeBin(): Promise<void> {
  const bin = 'infra/cognito-sync-backend.mjs';
  await write(bin, toJavaScriptNames(await readFile(join(ROOT, bin), 'utf8')));
  await chmod(join(DIST, bin), 0o755);
  await copyFile(join(ROOT, 'infra/package/require-node.mjs'), join(DIST, 'infra/require-node.mjs'));
}
