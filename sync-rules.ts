import { defineRules } from 'cognito-sync-backend/rules';

/**
 * Defines what devices may store. Without rules, the sync trigger accepts everything. To start, add a dataset:
 *
 *   datasets: {
 *     game: { unknownKeys: 'drop', keys: { score: { schema: number(), monotonic: 'increasing' } } },
 *   },
 *
 * Import `number` from the same module as `defineRules`. With `mode: 'observe'`, decisions are logged but not applied.
 * docs/sync-rules.md lists all options. The page also has complete rules for a game and for the preferences of an app.
 */
export default defineRules({});
