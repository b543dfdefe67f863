// The dependency rule of the rooms: functions use lib; the local cloud uses functions and lib; the command line uses
// lib; the domain knows no adapter, no driver, no AWS client and no HTTP.
const DOMAIN = '^lib/(stream|projection|trigger|bulk-publish|sync|identity)/';
const error = (name, from, to) => ({ name, severity: 'error', from, to });
const pkg = (...names) => `(^|/)node_modules/(${names.join('|')})(/|$)`;

export default {
  forbidden: [
    error('no-cycles', {}, { circular: true }),
    error('functions-use-lib-alone', { path: '^functions/' }, { path: '^(infra|test|functions)/' }),
    error('lib-stands-alone', { path: '^lib/' }, { path: '^(functions|infra|test)/' }),
    error(
      'command-line-uses-lib-alone',
      { path: '^infra/cli/' },
      { path: '^(functions/|infra/(?!cli/)|test/)' },
    ),
    error('infra-is-not-tested-by-itself', { path: '^infra/' }, { path: '^test/' }),
    error('domain-knows-no-adapter', { path: DOMAIN }, { path: '^lib/(store|aws|wire)/' }),
    error(
      'domain-knows-no-driver-client-or-http',
      { path: DOMAIN },
      {
        path: `${pkg('pg', '@electric-sql/pglite', '@aws/[^/]+', '@aws-sdk/[^/]+', '@smithy/[^/]+', '@middy/core', '@aws-lambda-powertools/[^/]+')}|^(node:)?(http|https|http2|net|tls|dns|fs|child_process|worker_threads)(/|$)`,
      },
    ),
    error(
      'only-the-store-knows-drivers',
      { path: '^(functions|lib|infra)/', pathNot: '^lib/store/' },
      { path: pkg('pg', '@electric-sql/pglite', '@aws/aurora-dsql-node-postgres-connector') },
    ),
    error(
      'only-lib-aws-knows-aws-clients',
      // lib/wire reads the schemas that the Cognito Sync client ships.
      { path: '^(functions|lib|infra)/', pathNot: '^lib/(aws|wire)/' },
      { path: pkg('@aws-sdk/client-[^/]+') },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
