import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const OF_FUNCTIONS = fileURLToPath(new URL('../lib/aws/function-credentials.ts', import.meta.url));
const OF_DSQL = /\/(aurora-dsql-node-postgres-connector|dsql-signer)\//;

/**
 * Has esbuild give Aurora DSQL's connector the credentials of a function, which are in its environment, in place of all
 * the ways in which a person's machine can come by some: 240 kB less, where 400 kB is the limit.
 */
export const bundleFunctionCredentials: Plugin = {
  name: 'function-credentials',
  setup({ onResolve }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider(s|-node)$/ }, ({ importer }) =>
      OF_DSQL.test(importer.replaceAll('\\', '/')) ? { path: OF_FUNCTIONS } : undefined,
    );
  },
};
