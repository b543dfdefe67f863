/** What a rules file imports its `defineRules` from, wherever it lies. */
export const RULES_MODULE = 'cognito-sync-backend/rules';

/** What that is. */
export const RULES_MODULE_URL = new URL('../rules.ts', import.meta.url);
