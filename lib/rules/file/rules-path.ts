import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../common/environment.ts';

/**
 * The rules file that is used if SYNC_RULES is not set: `sync-rules.ts` in the root of the checkout. The functions
 * import this file.
 */
export const DEFAULT_RULES_FILE = fileURLToPath(new URL('../../../sync-rules.ts', import.meta.url));

/** Reads SYNC_RULES. @returns the absolute path of the rules file, whose existence is checked when it is loaded */
export function readRulesFile({ SYNC_RULES }: Environment): string {
  return SYNC_RULES ? resolve(SYNC_RULES) : DEFAULT_RULES_FILE;
}

/** The specifier from which a rules file in any folder imports `defineRules`. */
export const RULES_MODULE = 'cognito-sync-backend/rules';

/** The module to which `RULES_MODULE` resolves. */
export const RULES_MODULE_URL = new URL('../public-api.ts', import.meta.url);
