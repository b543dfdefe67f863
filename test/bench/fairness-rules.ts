import { defineRules } from 'cognito-sync-backend/rules';

const SLOW_MS = 3_000;

/** The rules of the fairness benchmark. The rule of one dataset is as slow as a rule with a costly pattern. */
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
