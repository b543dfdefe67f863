import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from '../../common/environment.ts';

/** The sync rules unless SYNC_RULES names others: those at the top of the checkout, which functions import. */
export const DEFAULT_RULES_FILE = fileURLToPath(new URL('../../../sync-rules.ts', import.meta.url));

/** @returns the absolute path; whether there is a file is seen when it is loaded */
export function readRulesFile({ SYNC_RULES }: Environment): string {
  return SYNC_RULES ? resolve(SYNC_RULES) : DEFAULT_RULES_FILE;
}
