import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { DEFAULT_RULES_FILE } from '../../lib/config.ts';
import { RULES_MODULE, RULES_MODULE_URL } from '../../lib/rules-file/rules-module.ts';
import { createLocalFunctions } from '../local/functions/local-functions.ts';

/**
 * Has esbuild bundle `rulesFile` wherever a module imports `sync-rules.ts`, and find `cognito-sync-backend/rules` from
 * any folder: what threads of the local cloud do by lib/rules-file. Nothing is built of rules that cannot be loaded.
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
        const problem = await loadProblem(rulesFile);
        return problem === undefined ? { path: rulesFile } : { errors: [{ text: problem }] };
      });
    },
  };
}

/** Loads the rules as `npm start` does: in a thread, which they can end, or keep waiting. */
async function loadProblem(rulesFile: string): Promise<string | undefined> {
  const functions = createLocalFunctions({
    modules: { 'sync-trigger': new URL('../../functions/sync-trigger.ts', import.meta.url) },
    region: 'us-east-1',
    rulesFile,
  });
  try {
    return await functions.load('sync-trigger');
  } finally {
    functions.close();
  }
}
