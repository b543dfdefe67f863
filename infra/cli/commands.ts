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
        'show the stream, sync trigger, last bulk publish, quarantined events and gaps (times in which events may have been lost) of each identity pool, and the lag of each stream; with --check, exit with code 1 if anything needs attention',
      usage: ['status [--pool <id>] [--check] [--json]'],
      load: async () => (await import('./commands/status.ts')).status,
    },
  ],
  [
    'bulk-publish',
    {
      summary:
        'start a bulk publish, which sends all datasets of an identity pool to its stream; watch the last bulk publish until its datasets are in the query store; or list the last ten bulk publishes',
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
        'compare the query store with the service for one identity pool and repair the query store; continues an interrupted run, unless --restart is given',
      usage: ['reconcile --pool <id> [--rate CALLS_PER_SECOND] [--restart] [--json]'],
      load: async () => (await import('./commands/reconcile.ts')).reconcile,
    },
  ],
  [
    'erase',
    {
      summary:
        'erase all data of one identity at the service and in the database, and print a receipt; asks for confirmation, unless --yes is given; --dry-run only counts the data',
      usage: ['erase --pool <id> --identity <id> [--dry-run] [--yes] [--json]'],
      load: async () => (await import('./commands/erase.ts')).erase,
    },
  ],
  [
    'forget',
    {
      summary: 'the old name of `erase`, which does the same',
      usage: ['forget --pool <id> --identity <id> [--dry-run] [--yes] [--json]'],
      load: async () => (await import('./commands/erase.ts')).forget,
    },
  ],
  [
    'backup',
    {
      summary:
        'write all data of the service and, unless SERVICE_KEYS has it, the key that signs its tokens to a new file, which `restore` reads; the service can keep running',
      usage: ['backup --out FILE [--json]'],
      load: async () => (await import('./commands/backup.ts')).backup,
    },
  ],
  [
    'export',
    {
      summary:
        'write the records of the query store, or with --service all data of the service, to standard output or to --out; the same command continues an interrupted export to --out; --since exports only records that were written to the query store since TIME',
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
        'read a file of `export --service` into an empty service; the same command continues an interrupted import; --discard deletes what an interrupted import has written',
      usage: ['import FILE [--json]', 'import --discard [--yes] [--json]'],
      load: async () => (await import('./commands/import.ts')).importData,
    },
  ],
  [
    'indexes',
    {
      summary:
        'list the optional indexes of the query store, with what each index is for and what it costs; build one; or drop one',
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
        'migrate an identity pool from its current service, the origin (ORIGIN_ENDPOINT_URL, or else Amazon): copy the pool, take its identities over, report the progress, list the conflicts, compare both services, and finish the migration',
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
      summary:
        'list the identity pools, or create one; the new pool streams to cognito-sync, unless --stream or --no-stream is given',
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
        'list the events in quarantine, which could not be projected (written to the query store); show one with its payload; edit the payload of one with $EDITOR or --file and project it; redrive (project again) all or some; dismiss some, so that bulk publishes no longer wait for them; or export them as JSON Lines; --all includes the events that were projected or dismissed',
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
        'run one SQL statement that only reads, with the rights of the role query_reader, for at most ten seconds; prints a table, JSON or CSV',
      usage: ['query "SELECT …" [--max-rows N] [--json|--csv]'],
      load: async () => (await import('./commands/query.ts')).query,
    },
  ],
  [
    'redrive',
    {
      summary:
        "project (write to the query store) all events in quarantine again, or with --failures the events of the batches in the event source mapping's failure destination; --dismiss dismisses the events in quarantine that still cannot be projected",
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
        'turn on the stream of an identity pool (--stream, or its current stream, or else cognito-sync) and, with --trigger, set its sync trigger; asks for confirmation, unless --yes is given',
      usage: ['connect --pool <id> [--stream NAME] [--role ARN] [--trigger FUNCTION_ARN] [--yes] [--json]'],
      load: async () => (await import('./commands/connect.ts')).connect,
    },
  ],
  [
    'disconnect',
    {
      summary:
        'turn off the stream and the sync trigger of an identity pool; asks for confirmation, unless --yes is given',
      usage: ['disconnect --pool <id> [--yes] [--json]'],
      load: async () => (await import('./commands/disconnect.ts')).disconnect,
    },
  ],
  [
    'demo',
    {
      summary:
        'show on a running local cloud how two devices share a dataset, with a conflict; deletes the data at the end, unless --keep is given',
      usage: ['demo [--keep]'],
      load: async () => (await import('./commands/demo.ts')).demo,
    },
  ],
  [
    'keys',
    {
      summary:
        'write a new file for SERVICE_KEYS with the current keys and one new key, and print the steps that replace the old key with the new one',
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
        'check the sync rules (the file in SYNC_RULES, or else sync-rules.ts in the current directory), or print what they do with the events in a file (- is standard input)',
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
        'print one line for each sync that the local cloud answers: what the sync trigger decided, and after how many milliseconds the change was in the query store; ends with Ctrl+C',
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
      summary:
        'start a new service (empty, unless DATA_DIR is set), run a command such as npm test, stop the service, and exit with the exit code of the command',
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
