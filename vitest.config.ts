import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Use at least three workers, because many tests spend most of their time waiting. On two processors, Vitest would
    // use only one worker by default.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    env: {
      POWERTOOLS_LOG_LEVEL: 'SILENT',
      // The programs that tests start share this cache, so that each module is compiled only once.
      NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/node', import.meta.url)),
    },
    reporters: ['default', ['json', { outputFile: '.vitest/results.json' }]],
    projects: [
      {
        extends: true,
        // These test files start no servers and clean up what they create, so they can share a thread.
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], pool: 'threads', isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: ['test/unit/**'],
          pool: 'forks',
          // The test files of a worker run in one process without isolation, because they share imported modules, a
          // local cloud and databases.
          isolate: false,
          globalSetup: [
            'test/fixtures/database/postgres-server.setup.ts',
            'test/fixtures/database/run-folder.setup.ts',
          ],
        },
      },
    ],
  },
});
