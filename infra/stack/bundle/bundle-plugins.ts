import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { readMigrations } from '../../../lib/database/schema/read-migrations.ts';
import { readRulesFile } from '../../../lib/rules/file/rules-path.ts';
import { bundleRules } from './rules-bundle.ts';

const OF_FUNCTIONS = fileURLToPath(new URL('../../../lib/aws/function-credentials.ts', import.meta.url));

/**
 * Has esbuild give AWS's clients, Aurora DSQL's connector among them, the credentials of a function, in place of all the
 * ways in which a person's machine can come by some: 240 kB less, where 400 kB is the limit. Lambda keeps them in the
 * environment, where these ways begin, too.
 */
const bundleFunctionCredentials: Plugin = {
  name: 'function-credentials',
  setup({ onResolve }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider(s|-node)$/ }, () => ({ path: OF_FUNCTIONS }));
  },
};

const READ_MIGRATIONS = fileURLToPath(
  new URL('../../../lib/database/schema/read-migrations.ts', import.meta.url),
);

/** Has esbuild put the migrations themselves where a module imports what reads them: a bundle has no directory. */
const bundleMigrations: Plugin = {
  name: 'migrations',
  setup({ onLoad }) {
    onLoad({ filter: /read-migrations\.ts$/ }, async ({ path }) => {
      if (path !== READ_MIGRATIONS) return undefined;
      const migrations = JSON.stringify(await readMigrations());
      return { contents: `export const readMigrations = async () => ${migrations};`, loader: 'js' };
    });
  },
};

const plugins = [bundleRules(readRulesFile(process.env)), bundleMigrations, bundleFunctionCredentials];

/** What esbuild is given to build the functions: what `require` answers, which is how serverless-esbuild loads its plugins. */
export { plugins as 'module.exports' };
