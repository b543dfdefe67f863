import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: [
      'test/fixtures/database/postgres-server.setup.ts',
      'test/fixtures/database/templates.setup.ts',
    ],
    pool: 'forks',
    // One less than there are processors otherwise: one on two, although many tests wait for others.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 60_000,
    env: {
      POWERTOOLS_LOG_LEVEL: 'SILENT',
      // The programs that tests start compile what others have compiled before them only once.
      NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node', import.meta.url)),
    },
    reporters: ['default', ['json', { outputFile: '.vitest/results.json' }]],
  },
});
