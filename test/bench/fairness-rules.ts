import { defineRules } from 'cognito-sync-backend/rules';

const SLOW_MS = 3_000;

/** The rules of the fairness benchmark: one dataset is slow, as a rule with a costly pattern is. */
// biome-ignore lint/style/noDefaultExport: it is a rules file
export default defineRules({
  datasets: {
    slow: {
      derive() {
        for (const end = performance.now() + SLOW_MS; performance.now() < end; );
      },
    },
  },
});
