/** The specifier from which a rules file in any folder imports `defineRules`. */
export const RULES_MODULE = 'cognito-sync-backend/rules';

/** The module to which `RULES_MODULE` resolves. */
export const RULES_MODULE_URL = new URL('../public-api.ts', import.meta.url);
