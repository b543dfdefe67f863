import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';

const OF_FUNCTIONS = fileURLToPath(new URL('../../../lib/aws/function-credentials.ts', import.meta.url));

/**
 * Has esbuild give AWS's clients, Aurora DSQL's connector among them, the credentials of a function, in place of all the
 * ways in which a person's machine can come by some: 240 kB less, where 400 kB is the limit. Lambda keeps them in the
 * environment, where these ways begin, too.
 */
export const bundleFunctionCredentials: Plugin = {
  name: 'function-credentials',
  setup({ onResolve }) {
    onResolve({ filter: /^@aws-sdk\/credential-provider(s|-node)$/ }, () => ({ path: OF_FUNCTIONS }));
  },
};
