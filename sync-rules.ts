import { defineRules } from 'cognito-sync-backend/rules';

/**
 * What the sync trigger lets devices store: so far everything, as there are no rules for any dataset. To begin, name one:
 *
 *   datasets: {
 *     game: { unknownKeys: 'drop', keys: { score: { schema: number(), monotonic: 'increasing' } } },
 *   },
 *
 * `number` comes from where `defineRules` does. With `mode: 'observe'` rules decide in the log alone. All there is to say,
 * and rules of a game and of an app's preferences: docs/sync-rules.md.
 */
export default defineRules({});
