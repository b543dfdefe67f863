import { existsSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../common/environment.ts';

/**
 * The rules file that the functions import: `sync-rules.ts` in the root of the checkout. In the npm package, it is
 * compiled and accepts every change.
 */
export const DEFAULT_RULES_FILE = fileURLToPath(new URL('../../../sync-rules.ts', import.meta.url));

/** The rules file of a project, in the working directory. */
const PROJECT_RULES_FILE = 'sync-rules.ts';

/**
 * Finds the rules file: the file in SYNC_RULES, or else `sync-rules.ts` in the working directory if it exists, or else
 * `DEFAULT_RULES_FILE`.
 *
 * @returns the absolute path. Whether the file in SYNC_RULES exists is checked when it is loaded
 */
export function readRulesFile({ SYNC_RULES }: Environment): string {
  if (SYNC_RULES) return resolve(SYNC_RULES);
  const ofProject = resolve(PROJECT_RULES_FILE);
  return existsSync(ofProject) ? ofProject : DEFAULT_RULES_FILE;
}

/** Whether the user can write this file. The user cannot write the default file of the npm package, which is compiled. */
export function isOwnRulesFile(path: string): boolean {
  return path !== DEFAULT_RULES_FILE || extname(path) === '.ts';
}

/** The specifier from which a rules file in any folder imports `defineRules`. */
export const RULES_MODULE = 'cognito-sync-backend/rules';

/** The module to which `RULES_MODULE` resolves. */
export const RULES_MODULE_URL = new URL('../public-api.ts', import.meta.url);
