import { availableParallelism } from 'node:os';
import { matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { noOpenssl } from './test/fixtures/database/server-certificate.ts';

const SERVERS = [
  'test/fixtures/database/postgres-server.setup.ts',
  'test/fixtures/database/run-folder.setup.ts',
];

/**
 * The tests of the APIs and of their clients that also run against the packaged function. All other tests need what only
 * the local cloud has, such as the inbox of push messages, logins without verification, or other settings.
 */
const FUNCTION_URL = [
  'clients/{android-ios,boto3,sdk-v2,sdk-v3,sync-manager}',
  'wire/{delete,describe}-*',
  'wire/get-{cognito,identity}-*',
  'wire/{invalid-values,isolation,list-*,method-override,pool-settings,rpc-form,set-*,update-records}',
  'wire/identity/{create,update}-identity-pool',
  'wire/identity/{delete,describe}-identity-pool',
  'wire/identity/get-{identity,principal}-*',
  'wire/identity/{list-identity-pools,list-tags-for-resource,merge-*,set-*,tag-resource,untag-resource}',
];

/**
 * V8 would spend seconds on optimizing the largest functions of PGlite. Optimized code is faster only after about 10,000
 * statements, which few test files run. Node rejects this option for threads.
 */
const BASELINE_ONLY = ['--liftoff-only'];

/** A few of these tests, which also run against the packaged function on a database under Aurora DSQL's rules. */
const DSQL = ['clients/sdk-v3', 'wire/{list-records,update-records}', 'wire/identity/merge-*'];

/** The test files that take longest. If one of them started last, it would run alone at the end. */
const LONGEST = [
  'infra/{deploy,npm-package,query-stack,service-api-bundle,service-stack}',
  'e2e/{backfill-commands,crash,export,move-copy,testing}',
  'contract/identity/delete-many-merged',
  'contract/sync/sweep-datasets',
  'fault/fault-plans',
  'model/service',
];

/** Starts the longest test files of a project first. Otherwise keeps Vitest's order: by project, the largest files first. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) =>
      LONGEST.some((name) => matchesGlob(moduleId, `**/test/${name}.test.ts`));
    const projects = Map.groupBy(await super.sort(files), ({ project }) => project.name);
    return [...projects.values()].flatMap((sorted) => [
      ...sorted.filter(isLong),
      ...sorted.filter((file) => !isLong(file)),
    ]);
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    // Use at least four workers, because many tests spend most of their time waiting. On two processors, three workers
    // use two thirds of the CPU time, and Vitest would use only one worker by default.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // By default, `expect.poll` fails after one second, which a busy machine exceeds.
    expect: { poll: { timeout: 15_000 } },
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
          execArgv: BASELINE_ONLY,
          // The test files of a worker run in one process without isolation, because they share imported modules, a
          // local cloud and databases.
          isolate: false,
          globalSetup: SERVERS,
        },
      },
      {
        extends: true,
        // The same tests of the APIs and of their clients, against the packaged function behind a function URL.
        test: {
          name: 'function-url',
          include: FUNCTION_URL.map((name) => `test/${name}.test.ts`),
          env: { ENTRANCE: 'function-url' },
          pool: 'forks',
          execArgv: BASELINE_ONLY,
          isolate: false,
          globalSetup: SERVERS,
        },
      },
      {
        extends: true,
        test: {
          name: 'function-url-dsql',
          include: DSQL.map((name) => `test/${name}.test.ts`),
          exclude: noOpenssl ? ['**'] : [],
          env: { ENTRANCE: 'function-url', FUNCTION_DATABASE: 'dsql' },
          pool: 'forks',
          execArgv: BASELINE_ONLY,
          isolate: false,
          globalSetup: SERVERS,
        },
      },
    ],
  },
});
