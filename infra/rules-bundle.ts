import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'esbuild';
import { DEFAULT_RULES_FILE, readRulesFile } from '../lib/config.ts';
import { RULES_MODULE, RULES_MODULE_URL } from '../lib/rules-file/rules-module.ts';

/**
 * Has esbuild bundle `rulesFile` wherever a module imports `sync-rules.ts`, and find `cognito-sync-backend/rules` from
 * any folder: what threads of the local cloud do by lib/rules-file.
 *
 * @param rulesFile absolute path
 */
export function bundleRules(rulesFile: string): Plugin {
  return {
    name: 'sync-rules',
    setup({ onResolve }) {
      onResolve({ filter: /./ }, ({ path, resolveDir }) => {
        if (path === RULES_MODULE) return { path: fileURLToPath(RULES_MODULE_URL) };
        return resolve(resolveDir, path) === DEFAULT_RULES_FILE ? { path: rulesFile } : undefined;
      });
    },
  };
}

const plugins = [bundleRules(readRulesFile(process.env))];

/** What `require` answers, which is how serverless-esbuild loads its plugins. */
export { plugins as 'module.exports' };
