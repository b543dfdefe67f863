import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { findLoadProblem } from '../../../lib/rules/file/find-load-problem.ts';
import { DEFAULT_RULES_FILE, RULES_MODULE, RULES_MODULE_URL } from '../../../lib/rules/file/rules-path.ts';

/**
 * Makes esbuild bundle `rulesFile` in place of every import of `sync-rules.ts`. Also makes esbuild resolve
 * `cognito-sync-backend/rules` from any directory. In the local cloud, `mapImports` does the same for the threads that
 * run functions. The build fails if the rules cannot be loaded.
 *
 * @param rulesFile absolute path
 */
export function bundleRules(rulesFile: string): Plugin {
  return {
    name: 'sync-rules',
    setup({ onResolve }) {
      onResolve({ filter: /./ }, async ({ path, resolveDir }) => {
        if (path === RULES_MODULE) return { path: fileURLToPath(RULES_MODULE_URL) };
        if (resolve(resolveDir, path) !== DEFAULT_RULES_FILE) return undefined;
        const problem = await findLoadProblem(rulesFile);
        return problem === undefined ? { path: rulesFile } : { errors: [{ text: problem }] };
      });
    },
  };
}
