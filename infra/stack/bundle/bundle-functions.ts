import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { createEsbuildPlugins } from './esbuild-plugins.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A file of a function's code. */
export interface BundledFile {
  /** Relative to the code's root, for example `functions/migrate.mjs`. */
  path: string;
  contents: Uint8Array;
}

/**
 * Bundles each module to one minified ES module, with a source map beside it. Reads files and writes none.
 *
 * @param modules paths relative to the checkout, without extension, for example `functions/migrate`
 * @param rulesFile absolute path of the rules that the sync trigger applies
 * @returns the two files of each module
 * @throws {Error} a module, or the rules file, cannot be bundled; the message has one line per problem
 */
export async function bundleFunctions(
  modules: readonly string[],
  rulesFile: string,
): Promise<Map<string, BundledFile[]>> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: modules.map((module) => `${module}.ts`),
    outbase: ROOT,
    outdir: ROOT,
    outExtension: { '.js': '.mjs' },
    write: false,
    bundle: true,
    minify: true,
    sourcemap: 'linked',
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Prefers ES modules if a package also has CommonJS modules. esbuild can then drop the unused third of the AWS
    // clients.
    mainFields: ['module', 'main'],
    plugins: createEsbuildPlugins(rulesFile),
    // Otherwise, esbuild applies tsconfig.json only to files that it finds itself. A file that a plugin and an import both
    // find would then be compiled in one of two ways, depending on which of them is first.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
    // pg loads CommonJS modules with `require`, which an ES module does not have.
    banner: { js: "import{createRequire as r}from'node:module';const require=r(import.meta.url);" },
    logLevel: 'silent',
  });
  const filesOf = (module: string) => {
    const start = join(ROOT, module);
    return outputFiles
      .filter(({ path }) => path.startsWith(`${start}.`))
      .map(({ path, contents }) => ({ path: module + path.slice(start.length), contents }));
  };
  return new Map(modules.map((module) => [module, filesOf(module)]));
}
