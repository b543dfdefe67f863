import type { Command, CommandUsage, CommandWith, ProcessCommand } from './command.ts';

/** A command in the list of all commands. Its module is loaded only if the command runs: loading all takes a second. */
export interface ListedCommand<Loaded extends CommandWith<never>> extends CommandUsage {
  load: () => Promise<Loaded>;
}

/** The operator's commands that work on the database, by name. */
export const COMMANDS: ReadonlyMap<string, ListedCommand<Command>> = new Map([
  [
    'status',
    {
      summary:
        'show stream, sync trigger, lag, quarantine, last bulk publish and gaps; --check fails if anything needs attention',
      usage: ['status [--pool <id>] [--check] [--json]'],
      load: async () => (await import('./commands/status.ts')).status,
    },
  ],
  [
    'bulk-publish',
    {
      summary:
        'start a bulk publish of a pool, watch the last one until its datasets are in the query store, or list the last ten',
      usage: [
        'bulk-publish start --pool <id> [--json]',
        'bulk-publish watch --pool <id> [--timeout SECONDS] [--json]',
        'bulk-publish status --pool <id> [--json]',
      ],
      load: async () => (await import('./commands/bulk-publish.ts')).bulkPublish,
    },
  ],
  [
    'reconcile',
    {
      summary:
        'compare the query store with the service for one pool and repair the query store; resumes an interrupted run',
      usage: ['reconcile --pool <id> [--rate CALLS_PER_SECOND] [--restart] [--json]'],
      load: async () => (await import('./commands/reconcile.ts')).reconcile,
    },
  ],
  [
    'erase',
    {
      summary:
        'erase all data of one identity at its service and in the database, and print a receipt; asks for confirmation',
      usage: ['erase --pool <id> --identity <id> [--dry-run] [--yes] [--json]'],
      load: async () => (await import('./commands/erase.ts')).erase,
    },
  ],
  [
    'forget',
    {
      summary: 'the old name of erase',
      usage: ['forget --pool <id> --identity <id> [--dry-run] [--yes] [--json]'],
      load: async () => (await import('./commands/erase.ts')).forget,
    },
  ],
  [
    'backup',
    {
      summary:
        'write the complete service and its token key to a new file, also while the service runs; `restore` reads the file',
      usage: ['backup --out FILE [--json]'],
      load: async () => (await import('./commands/backup.ts')).backup,
    },
  ],
  [
    'export',
    {
      summary:
        'write the records of the query store, or the complete service, to standard output or to --out; an interrupted export to --out continues with the same command',
      usage: [
        'export [--format jsonl|parquet] [--out PATH] [--pool ID] [--dataset NAME] [--since TIME]',
        'export --service [--out PATH]',
      ],
      load: async () => (await import('./commands/export.ts')).exportData,
    },
  ],
  [
    'import',
    {
      summary:
        'read a file of `export --service` into an empty service; an interrupted import continues with the same command',
      usage: ['import FILE [--json]', 'import --discard [--yes] [--json]'],
      load: async () => (await import('./commands/import.ts')).importData,
    },
  ],
  [
    'indexes',
    {
      summary: 'list, build or drop the optional indexes, with what each costs',
      usage: [
        'indexes [--json]',
        'indexes add numeric|text|changes [--json]',
        'indexes drop numeric|text|changes [--json]',
      ],
      load: async () => (await import('./commands/indexes.ts')).indexes,
    },
  ],
  [
    'move',
    {
      summary:
        'move an identity pool from another service (ORIGIN_ENDPOINT_URL): copy it, take it over, compare it, finish',
      usage: [
        'move copy --pool <id> [--rate CALLS_PER_SECOND] [--dry-run] [--json]',
        'move take-over --pool <id> [--identity <id>] [--rate CALLS_PER_SECOND] [--json]',
        'move status [--pool <id>] [--json]',
        'move conflicts --pool <id> [--json]',
        'move verify --pool <id> [--sample IDENTITIES] [--rate CALLS_PER_SECOND] [--json]',
        'move finish --pool <id> [--quiet-for DURATION] [--ignore REASON,...] [--dry-run] [--rate CALLS_PER_SECOND] [--json]',
      ],
      load: async () => (await import('./commands/move.ts')).move,
    },
  ],
  [
    'pools',
    {
      summary: 'list the identity pools, or create one, which streams to cognito-sync by default',
      usage: [
        'pools [--json]',
        'pools add <identity pool id> [--stream NAME|--no-stream] [--provider KEY[=CLIENT_ID]]… [--json]',
      ],
      load: async () => (await import('./commands/pools.ts')).pools,
    },
  ],
  [
    'quarantine',
    {
      summary:
        'list the events that could not be projected; show one with its payload; edit one with $EDITOR or --file and project it; project them again; dismiss them; or export them as JSON Lines',
      usage: [
        'quarantine list [--all] [--limit N] [--json]',
        'quarantine show ID [--json|--payload]',
        'quarantine edit ID [--file PATH] [--json]',
        'quarantine redrive [ID…] [--json]',
        'quarantine dismiss ID… [--json]',
        'quarantine export [--all]',
      ],
      load: async () => (await import('./commands/quarantine.ts')).quarantine,
    },
  ],
  [
    'query',
    {
      summary:
        'run one SQL statement that only reads, with the rights of query_reader, for at most ten seconds; prints a table, JSON or CSV',
      usage: ['query "SELECT …" [--max-rows N] [--json|--csv]'],
      load: async () => (await import('./commands/query.ts')).query,
    },
  ],
  [
    'redrive',
    {
      summary:
        "project the events in quarantine again, or those in the event source mapping's failure destination",
      usage: ['redrive [--dismiss] [--json]', 'redrive --failures s3://bucket/prefix|directory [--json]'],
      load: async () => (await import('./commands/redrive.ts')).redrive,
    },
  ],
]);

/** The commands that need no database, by name. */
export const PROCESS_COMMANDS: ReadonlyMap<string, ListedCommand<ProcessCommand>> = new Map([
  [
    'connect',
    {
      summary:
        'turn on the stream of an identity pool (cognito-sync or --stream) and set its sync trigger; asks for confirmation',
      usage: ['connect --pool <id> [--stream NAME] [--role ARN] [--trigger FUNCTION_ARN] [--yes] [--json]'],
      load: async () => (await import('./commands/connect.ts')).connect,
    },
  ],
  [
    'disconnect',
    {
      summary: 'turn off the stream and the sync trigger of an identity pool; asks for confirmation',
      usage: ['disconnect --pool <id> [--yes] [--json]'],
      load: async () => (await import('./commands/disconnect.ts')).disconnect,
    },
  ],
  [
    'demo',
    {
      summary:
        'show how two devices share a dataset, with a conflict; deletes the data at the end, unless --keep is given',
      usage: ['demo [--keep]'],
      load: async () => (await import('./commands/demo.ts')).demo,
    },
  ],
  [
    'keys',
    {
      summary:
        'create a key for SERVICE_KEYS, write it after the current keys to a new file, and print how to replace the old key',
      usage: ['keys rotate developer|token --out FILE [--json]'],
      load: async () => (await import('./commands/keys.ts')).keys,
    },
  ],
  [
    'restore',
    {
      summary:
        'read a file of `backup` into a new data directory (DATA_DIR) and, if DATABASE_URL is set, an empty database',
      usage: ['restore FILE [--json]'],
      load: async () => (await import('./commands/restore.ts')).restore,
    },
  ],
  [
    'rules',
    {
      summary:
        'check the sync rules (SYNC_RULES or else sync-rules.ts), or try them on events (- is standard input)',
      usage: ['rules check [--json]', 'rules try --event <file>|- [--json]'],
      load: async () => (await import('./commands/rules.ts')).rules,
    },
  ],
  [
    'seed',
    {
      summary:
        'fill a pool with made-up data of N identities, with conflicts and removals; the same --seed gives the same data',
      usage: ['seed --identities N [--pool ID] [--seed NUMBER] [--json]'],
      load: async () => (await import('./commands/seed.ts')).seed,
    },
  ],
  [
    'tail',
    {
      summary:
        'print one line for each sync that the local cloud answers: what the sync trigger decided, and when the change was in SQL; ends with Ctrl+C',
      usage: ['tail [--pool ID] [--identity ID] [--json]'],
      load: async () => (await import('./commands/tail.ts')).tail,
    },
  ],
]);

/** The commands that run a service. infra/cognito-sync-backend.mjs starts them, so they have only a usage here. */
const SERVICE_COMMANDS: readonly (readonly [string, CommandUsage])[] = [
  ['start', { summary: 'start the service; ends with Ctrl+C', usage: ['start'] }],
  [
    'exec',
    {
      summary: 'run a command, such as npm test, while a fresh service runs; returns its exit code',
      usage: ['exec -- <command> [argument …]'],
    },
  ],
];

/** All commands of the command line: those that run a service, those that need a database, and all others. */
export const ALL_COMMANDS: ReadonlyMap<string, CommandUsage> = new Map<string, CommandUsage>([
  ...SERVICE_COMMANDS,
  ...COMMANDS,
  ...PROCESS_COMMANDS,
]);
