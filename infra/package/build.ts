import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, transform } from 'esbuild';
import ts from 'typescript';
import { createTemplates } from '../../lib/database/embedded-template.ts';
import { createManifest } from './create-manifest.ts';

// `npm run build`: creates the npm package in `dist/`. Each file keeps its path, because files load workers, migrations
// and settings relative to themselves. Only the module for tests is bundled, as CommonJS, which every test runner loads.

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The folder to create. Default: `dist`. */
const DIST = resolve(process.argv[2] ?? join(ROOT, 'dist'));
/** The files that start a process or a thread, or that users import. */
const ENTRIES = [
  'infra/cli/main.ts',
  'infra/local/start.ts',
  'infra/local/exec.ts',
  'infra/local/testing/cloud-process.ts',
  'infra/local/functions/function-worker.ts',
  'infra/local/kinesis/kinesis-child.ts',
  'lib/database/drivers/pglite/pglite-worker.ts',
  'lib/rules/file/load-rules-worker.ts',
  'lib/rules/public-api.ts',
  'functions/sync-trigger.ts',
  'sync-rules.ts',
];
const TESTING = 'infra/local/testing/testing.ts';
const TYPED = ['lib/rules/public-api.ts', TESTING];
const TARGET = 'node22.18';
/** kinesalite's files are resolved at run time. */
const RESOLVED_AT_RUN_TIME = ['kinesalite'];

await rm(DIST, { recursive: true, force: true });
const { files, packages } = await findFiles();
for (const file of files) await writeCompiled(file);
await bundleTesting();
writeTypes();
for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md']) await copyFile(join(ROOT, file), join(DIST, file));
await cp(join(ROOT, 'lib/database/schema/migrations'), join(DIST, 'lib/database/schema/migrations'), {
  recursive: true,
});
await writeBin();
const template = await createTemplates();
await mkdir(join(DIST, '.template'));
await writeFile(join(DIST, '.template', `${basename(template)}.gz`), gzipSync(await readFile(template)));
const manifest = createManifest(JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')), packages);
await writeFile(join(DIST, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);

/** Returns the files that the entries import, directly or indirectly, and the packages that these files import. */
async function findFiles(): Promise<{ files: string[]; packages: string[] }> {
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: ENTRIES,
    outdir: DIST,
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: TARGET,
    metafile: true,
    write: false,
    logLevel: 'error',
  });
  const imported = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.flatMap(({ path, external }) => (external ? [packageOf(path)] : [])),
  );
  return {
    files: Object.keys(metafile.inputs),
    packages: [...new Set([...imported, ...RESOLVED_AT_RUN_TIME])],
  };
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** Compiles a TypeScript file; copies any other file, such as JSON. */
async function writeCompiled(file: string): Promise<void> {
  const to = join(DIST, file);
  await mkdir(dirname(to), { recursive: true });
  if (!file.endsWith('.ts')) return copyFile(join(ROOT, file), to);
  const source = await readFile(join(ROOT, file), 'utf8');
  const { code } = await transform(source, { loader: 'ts', format: 'esm', platform: 'node', target: TARGET });
  await writeFile(to.replace(/\.ts$/, '.js'), toJavaScriptNames(code));
}

/** Replaces the extension in relative specifiers and in the names of files that are loaded at run time. */
function toJavaScriptNames(code: string): string {
  return code.replaceAll(/(["'])(\.{1,2}\/[^"'\n]*)\.ts\1/g, '$1$2.js$1');
}

async function bundleTesting(): Promise<void> {
  const to = join(DIST, 'testing.cjs');
  await build({
    absWorkingDir: ROOT,
    entryPoints: [TESTING],
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
  await writeFile(to, code.replace('./cloud-process.ts', `./${dirname(TESTING)}/cloud-process.js`));
}

/** Writes the declarations of the modules that users import. `npm run check` checks the types. */
function writeTypes(): void {
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
    TYPED.map((file) => join(ROOT, file)),
    options,
  );
  program.emit(undefined, (path, text) => {
    const to = path === join(DIST, TESTING.replace(/ts$/, 'd.ts')) ? join(DIST, 'testing.d.cts') : path;
    ts.sys.writeFile(to, toJavaScriptNames(text));
  });
}

async function writeBin(): Promise<void> {
  const bin = 'infra/cognito-sync-backend.mjs';
  await writeFile(join(DIST, bin), toJavaScriptNames(await readFile(join(ROOT, bin), 'utf8')));
  await chmod(join(DIST, bin), 0o755);
  await copyFile(join(ROOT, 'infra/package/require-node.mjs'), join(DIST, 'infra/require-node.mjs'));
}
