import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { readMigrations } from '../../../lib/database/schema/read-migrations.ts';
import { readRulesFile } from '../../../lib/rules/file/rules-path.ts';
import { bundleRules } from './rules-bundle.ts';

const OF_FUNCTIONS = fileURLToPath(new URL('../../../lib/aws/function-credentials.ts', import.meta.url));

/**
 * Makes esbuild replace the credential providers of the AWS clients, including Aurora DSQL's connector, by a provider
 * that reads only a function's credentials. Lambda passes credentials in environment variables, which the original
 * providers would also read first. Providers for a developer's machine are not needed. The replacement saves 240 kB of
 * the 400 kB limit.
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

/** Makes esbuild inline the migrations in place of the module that reads them, because a bundle has no directory. */
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

/** Plugins for building the functions. serverless-esbuild loads them with `require`, which returns `module.exports`. */
export { plugins as 'module.exports' };
