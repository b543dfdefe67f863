// Checks the order of imports between rooms. A room is a folder with one responsibility. It may import only the rooms
// on later lines of ORDER. Rooms on the same line do not import each other.
const ORDER = [
  ['infra/local'],
  ['infra/cli'],
  ['functions'],
  ['lib/wire'],
  ['lib/aws', 'lib/query'],
  ['lib/export'],
  ['lib/move'],
  ['lib/identity'],
  ['lib/sync', 'lib/backfill'],
  ['lib/projection', 'lib/rules'],
  ['lib/stream', 'lib/database'],
  ['lib/common'],
];

const under = (...rooms) => `^(${rooms.join('|')})/`;
const pkg = (...names) => `(^|/)node_modules/(${names.join('|')})(/|$)`;
const error = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

const roomRules = ORDER.flatMap((rooms, index) =>
  rooms.map((room) => {
    const allowed = [room, ...ORDER.slice(index + 1).flat()];
    if (room.startsWith('infra/')) allowed.push('infra/stack');
    if (room === 'infra/local') allowed.push('infra/console');
    return error(
      `room-order-${room.replace('/', '-')}`,
      `${room} may import only ${allowed.slice(1).join(', ') || 'packages'}; move the shared code to one of these rooms, or make it a port of ${room} that an outer room implements`,
      { path: under(room) },
      { path: '^(functions|infra|lib|test)/', pathNot: under(...allowed) },
    );
  }),
);

const DOMAIN = {
  path: '^lib/(stream|projection|rules|sync|identity|backfill|move|export|query)/',
  pathNot: '/store/|^lib/rules/file/',
};
const INFRASTRUCTURE = `${pkg('pg', '@electric-sql/pglite', '@aws/[^/]+', '@aws-sdk/[^/]+', '@smithy/[^/]+', '@middy/core', '@aws-lambda-powertools/[^/]+')}|^(node:)?(http|https|http2|net|tls|dns|fs|child_process|worker_threads)(/|$)`;

export default {
  forbidden: [
    error('no-cycles', 'move the code that both files need to a third file', {}, { circular: true }),
    ...roomRules,
    error(
      'room-order-infra-stack',
      'infra/stack may import only lib/database, lib/rules and lib/common',
      { path: under('infra/stack') },
      {
        path: '^(functions|infra|lib|test)/',
        pathNot: `${under('infra/stack', 'lib/database', 'lib/rules', 'lib/common')}|^infra/require-node.mjs$`,
      },
    ),
    error(
      'room-order-infra-console',
      'infra/console may import only itself, packages and the pure code of lib/common; its page runs in a browser and reads everything over HTTP',
      { path: under('infra/console') },
      { path: '^(functions|infra|lib|test)/', pathNot: under('infra/console', 'lib/common') },
    ),
    error(
      'domain-knows-no-store',
      'SQL stays in store/; describe what the domain needs as an interface next to the domain code',
      DOMAIN,
      { path: '^lib/database/|^lib/[^/]+/store/' },
    ),
    error(
      'domain-knows-no-infrastructure',
      'no driver, AWS client, HTTP or file system in domain code; take it as an argument',
      DOMAIN,
      { path: INFRASTRUCTURE },
    ),
    error(
      'only-the-database-room-knows-drivers',
      'use the Database interface of lib/database',
      { path: '^(functions|lib|infra)/', pathNot: under('lib/database') },
      { path: pkg('pg', '@electric-sql/pglite', '@aws/aurora-dsql-node-postgres-connector') },
    ),
    error(
      'only-the-export-knows-parquet',
      'use infra/cli/commands/export, so that no function bundles this package',
      { path: '^(functions|lib|infra)/', pathNot: under('infra/cli/commands/export') },
      { path: pkg('hyparquet', 'hyparquet-writer') },
    ),
    error(
      'only-lib-aws-knows-aws-clients',
      'write an adapter in lib/aws; lib/wire may read the schemas that the clients ship, and the deployment calls CloudFormation',
      { path: '^(functions|lib|infra)/', pathNot: under('lib/aws', 'lib/wire', 'infra/stack/deployment') },
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
