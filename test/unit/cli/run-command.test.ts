import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../infra/cli/command.ts';
import { ALL_COMMANDS, PROCESS_COMMANDS } from '../../../infra/cli/commands.ts';
import {
  outcomeOf,
  prepareCommand,
  prepareFrom,
  questionOf,
  stoppedText,
} from '../../../infra/cli/run-command.ts';
import { usage } from '../../../infra/cli/usage.ts';
import { SetupError, ValueRefusedError } from '../../../lib/common/errors.ts';
import { DatabaseError } from '../../../lib/database/database.ts';

describe('the command line', () => {
  it.each([
    { line: [], error: 'no command given' },
    { line: ['indexes', 'build'], error: 'indexes: unknown action build' },
    { line: ['indexes', 'add'], error: 'indexes add takes one of numeric, text, changes' },
    { line: ['indexes', 'add', 'date'], error: 'indexes add takes one of numeric, text, changes' },
    {
      line: ['indexes', 'drop', 'text', 'numeric'],
      error: 'indexes drop takes one of numeric, text, changes',
    },
    { line: ['indexes', '--all'], error: "Unknown option '--all'" },
    { line: ['query'], error: 'query takes one SQL statement in quotes' },
    { line: ['query', 'select', '1'], error: 'query takes one SQL statement in quotes' },
    { line: ['query', 'select 1', '-- two\nselect 2'], error: 'query takes one SQL statement in quotes' },
    { line: ['query', 'select 1', '--unknown'], error: "Unknown option '--unknown'" },
    { line: ['query', 'select 1', '--json', '--csv'], error: 'query takes either --json or --csv' },
    { line: ['quarantine'], error: 'quarantine takes one of list, show, edit, redrive, dismiss, export' },
    { line: ['quarantine', 'show'], error: 'quarantine show takes one id' },
    { line: ['quarantine', 'list', 'x'], error: 'quarantine list takes no id' },
    { line: ['quarantine', 'dismiss'], error: 'quarantine dismiss takes at least one id' },
    { line: ['quarantine', 'dismiss', 'all'], error: 'all is not the id of an event in quarantine' },
    { line: ['quarantine', 'export', '--json'], error: 'quarantine export does not take --json' },
    { line: ['quarantine', 'list', '--limit', '0'], error: '--limit takes a whole number from 1 to 100000' },
    { line: ['redrive', 'all'], error: 'redrive does not take all' },
    { line: ['redrive', '--failures='], error: '--failures takes an S3 URI or a directory' },
    {
      line: ['redrive', '--dismiss', '--failures', 'there'],
      error: '--dismiss applies to the quarantine; it cannot be combined with --failures',
    },
    { line: ['redrive', '--json', '--json'], error: '--json is given twice' },
    { line: ['status', '--pool', 'a:0', '--pool=a:1'], error: '--pool is given twice' },
    { line: ['pools', 'remove'], error: 'pools: unknown action remove' },
    {
      line: ['pools', '--no-stream'],
      error: '--stream, --no-stream and --provider are valid only for pools add',
    },
    { line: ['pools', '--provider', 'accounts.google.com=a'], error: 'are valid only for pools add' },
    {
      line: ['pools', 'add', 'a:0', '--provider', 'accounts.google.com'],
      error: 'accounts.google.com=<client id>',
    },
    {
      line: ['pools', 'add', 'a:0', '--provider', 'https://a.example?x'],
      error: 'does not start with the name of a login provider',
    },
    {
      line: ['pools', 'add', 'a:0', '--provider', 'login.example=a'],
      error: 'set the client ids in LOGIN_PROVIDERS',
    },
    {
      line: ['pools', 'add', 'a:0', '--provider', 'api.twitter.com=a'],
      error: 'are not supported: they are signed',
    },
    {
      line: [
        'pools',
        'add',
        'a:0',
        '--provider',
        'graph.facebook.com=1',
        '--provider',
        'graph.facebook.com=2',
      ],
      error: '--provider graph.facebook.com is given twice',
    },
    { line: ['pools', 'add'], error: 'pools add takes one identity pool id' },
    { line: ['pools', 'add', 'a:0', 'a:1'], error: 'pools add takes one identity pool id' },
    { line: ['pools', 'add', 'POOL'], error: 'POOL is not the id of an identity pool: Member must satisfy' },
    { line: ['pools', 'add', `a:${'0'.repeat(54)}`], error: 'length less than or equal to 55' },
    { line: ['pools', 'add', 'a:0', '--stream', ''], error: ' is not the name of a stream: Member must' },
    {
      line: ['pools', 'add', 'a:0', '--stream', 'a b'],
      error: 'a b is not the name of a stream: Member must',
    },
    { line: ['pools', 'add', 'a:0', '--stream', 's'.repeat(129)], error: 'less than or equal to 128' },
    { line: ['pools', 'add', 'a:0', '--stream', 's', '--no-stream'], error: 'not both' },
    { line: ['bulk-publish'], error: 'bulk-publish takes one of start, watch, status' },
    {
      line: ['bulk-publish', 'stop', '--pool', 'a:0'],
      error: 'bulk-publish takes one of start, watch, status',
    },
    {
      line: ['bulk-publish', 'start'],
      error: 'bulk-publish start requires --pool with the id of an identity pool',
    },
    {
      line: ['bulk-publish', 'start', '--pool', ''],
      error: ' is not the id of an identity pool: Member must',
    },
    {
      line: ['bulk-publish', 'start', '--pool', 'a:0', '--timeout', '9'],
      error: '--timeout is valid only for bulk-publish',
    },
    {
      line: ['bulk-publish', 'watch', '--pool', 'a:0', '--timeout', '1m'],
      error: '--timeout takes a whole number from',
    },
    { line: ['status', 'a:0'], error: 'status does not take a:0' },
    { line: ['status', '--pool', 'a:0,a:1'], error: 'a:0,a:1 is not the id of an identity pool' },
    { line: ['reconcile'], error: 'reconcile requires --pool' },
    {
      line: ['reconcile', '--pool', 'a:0', '--rate', '0'],
      error: '--rate takes a whole number from 1 to 1000',
    },
    { line: ['move'], error: 'move takes one of copy, take-over, status, conflicts, verify, finish' },
    {
      line: ['move', 'finish', '--pool', 'a:0', '--quiet-for', '30'],
      error: '--quiet-for takes a duration such as 30d',
    },
    {
      line: ['move', 'finish', '--pool', 'a:0', '--ignore', 'all'],
      error: '--ignore takes a comma-separated list of copy',
    },
    { line: ['move', 'finish'], error: 'move finish requires --pool with the id of an identity' },
    {
      line: ['move', 'verify', '--pool', 'a:0', '--ignore', 'busy'],
      error: 'move verify does not take --ignore',
    },
    { line: ['move', 'take-over'], error: 'move take-over requires --pool with the id of an identity pool' },
    {
      line: ['move', 'take-over', '--pool', 'a:0', '--dry-run'],
      error: 'move take-over does not take --dry-run',
    },
    {
      line: ['move', 'copy', '--pool', 'a:0', '--identity', 'a:0'],
      error: 'move copy does not take --identity',
    },
    { line: ['move', 'copy'], error: 'move copy requires --pool with the id of an identity pool' },
    {
      line: ['move', 'copy', '--pool', 'a:0', '--rate', '0'],
      error: '--rate takes a whole number from 1 to 1000',
    },
    { line: ['move', 'copy', '--pool', 'a:0', '--sample', '9'], error: 'move copy does not take --sample' },
    { line: ['move', 'verify', '--pool', 'a:0', '--dry-run'], error: 'move verify does not take --dry-run' },
    {
      line: ['move', 'verify', '--pool', 'a:0', '--sample', '0'],
      error: '--sample takes a whole number from 1',
    },
    { line: ['move', 'status', '--rate', '9'], error: 'move status does not take --rate' },
    { line: ['export', 'records'], error: 'export does not take records' },
    { line: ['export', '--json'], error: 'export does not take --json' },
    { line: ['export', '--format', 'csv', '--out', 'a'], error: '--format takes one of jsonl, parquet' },
    { line: ['export', '--format', 'parquet'], error: '--format parquet requires --out with a directory' },
    { line: ['export', '--out='], error: '--out takes the path of a file' },
    { line: ['export', '--pool', 'POOL'], error: 'POOL is not the id of an identity pool' },
    { line: ['export', '--since', 'yesterday'], error: '--since takes a time such as 2026-01-31T12:00:00Z' },
    { line: ['export', '--since', '2026-13-01'], error: '--since takes a time' },
    { line: ['export', '--since', '2026-01-31T12:00:00'], error: '--since takes a time' },
    { line: ['export', '--service', '--pool', 'a:0'], error: 'export --service does not take --pool' },
    { line: ['export', '--service', '--format', 'jsonl'], error: 'export --service does not take --format' },
    { line: ['backup'], error: 'backup requires --out with the path of a file that does not exist' },
    { line: ['backup', 'a'], error: 'backup does not take a' },
    { line: ['import'], error: 'import takes the path of one file' },
    { line: ['import', 'a', 'b'], error: 'import takes the path of one file' },
    { line: ['import', 'a', '--discard'], error: 'import --discard does not take a file' },
    { line: ['import', 'a', '--yes'], error: '--yes is valid only for import --discard' },
    { line: ['erase', '--pool', 'a:0'], error: 'erase takes --identity' },
    { line: ['erase', '--pool', 'a:0', '--identity', 'Ada'], error: 'Ada is not the id of an identity' },
    { line: ['forget', '--pool', 'a:0'], error: 'forget takes --identity' },
  ])('rejects $line with usage text before opening a database', async ({ line, error }) => {
    await expect(prepareCommand(line)).rejects.toThrow(UsageError);
    await expect(prepareCommand(line)).rejects.toThrow(error);
    await expect(prepareCommand(line)).rejects.toThrow('\nUsage:\n  npx cognito-sync-backend ');
  });

  it.each([
    [['indexes']],
    [['indexes', 'add', 'numeric']],
    [['indexes', 'drop', 'text']],
    [['redrive', '--dismiss', '--json']],
    [['pools']],
    [['pools', 'add', `a:${'0'.repeat(53)}`]],
    [['pools', 'add', 'a:0', '--stream', 'mine']],
    [['pools', 'add', '--no-stream', 'a:0']],
    [['pools', 'add', 'a:0', '--provider', 'accounts.google.com=a', '--provider', 'login.example']],
    [['bulk-publish', 'watch', '--pool', 'a:0', '--timeout', '60', '--json']],
    [['status']],
    [['status', '--pool', 'a:0', '--check', '--json']],
    [['reconcile', '--pool', 'a:0', '--rate', '1000', '--restart']],
    [['move', 'copy', '--pool', 'a:0', '--rate', '50', '--dry-run', '--json']],
    [['move', 'status']],
    [['move', 'status', '--pool', 'a:0', '--json']],
    [['move', 'verify', '--pool', 'a:0', '--sample', '1000', '--rate', '5']],
    [
      [
        'move',
        'finish',
        '--pool',
        'a:0',
        '--quiet-for',
        '90d',
        '--ignore',
        'origin,waiting',
        '--dry-run',
        '--json',
      ],
    ],
    [['export']],
    [['export', '--out', 'a', '--pool', 'a:0', '--dataset', 'game', '--since', '2026-01-31']],
    [['export', '--format', 'parquet', '--out=a', '--since', '2026-01-31T12:00:00.5+02:00']],
    [['export', '--service', '--out', 'a']],
    [['import', 'a', '--json']],
    [['import', '--discard']],
    [['import', '--discard', '--yes', '--json']],
    [['erase', '--pool', 'a:0', '--identity', 'a:1', '--yes', '--json']],
    [['erase', '--pool', 'a:0', '--identity', 'a:1', '--dry-run']],
    [['forget', '--pool', 'a:0', '--identity', 'a:1', '--yes', '--json']],
  ])('accepts %j', async (line) => {
    expect(await prepareCommand(line)).toBeTypeOf('function');
  });

  const prepareProcessCommand = (line: string[]) => prepareFrom(PROCESS_COMMANDS, line, ALL_COMMANDS);

  it.each([
    { line: ['rules'], error: 'rules: no action given; use check or try' },
    { line: ['connect'], error: 'connect requires --pool' },
    { line: ['connect', '--pool', 'a:0', '--pool', 'a:1'], error: '--pool is given twice' },
    { line: ['connect', 'a:0'], error: 'connect does not take a:0' },
    { line: ['connect', '--pool', 'a:0', '--stream', 'arn:aws:kinesis:x'], error: '--stream takes the name' },
    { line: ['connect', '--pool', 'a:0', '--role', 'admin'], error: 'admin is not the ARN of a role' },
    { line: ['connect', '--pool', 'a:0', '--trigger', 'f'], error: 'f is not the ARN of a function' },
    { line: ['disconnect', '--pool', 'POOL'], error: 'POOL is not the id of an identity pool' },
    { line: ['restore'], error: 'restore takes the path of one file' },
    { line: ['restore', 'a', 'b'], error: 'restore takes the path of one file' },
    { line: ['rules', 'test'], error: 'rules: unknown action test' },
    { line: ['rules', 'check', 'mine.ts'], error: 'rules check does not take mine.ts' },
    { line: ['rules', 'check', '--event', '-'], error: '--event is valid only for rules try' },
    { line: ['rules', 'try'], error: 'rules try takes --event with a file' },
    { line: ['rules', 'try', '--event', ''], error: 'rules try takes --event with a file' },
    { line: ['rules', 'try', '--events', 'a.json'], error: "Unknown option '--events'" },
  ])('rejects $line with usage text before reading a file', async ({ line, error }) => {
    await expect(prepareProcessCommand(line)).rejects.toThrow(UsageError);
    await expect(prepareProcessCommand(line)).rejects.toThrow(error);
    await expect(prepareProcessCommand(line)).rejects.toThrow(
      `\nUsage:\n  npx cognito-sync-backend ${line[0]} `,
    );
  });

  it.each([[['rules', 'check']], [['rules', 'try', '--event', '-', '--json']]])(
    'accepts %j',
    async (line) => {
      expect(await prepareProcessCommand(line)).toBeTypeOf('function');
    },
  );

  it.each([
    ['rule', 'unknown command rule; did you mean rules?'],
    ['Statsu', 'unknown command Statsu; did you mean status?'],
    ['constructor', 'unknown command constructor'],
    ['', 'unknown command '],
  ])('names the nearest command and --help if the command is unknown: %j', async (name, error) => {
    const expected = new UsageError(`${error}\nrun npx cognito-sync-backend --help to list all commands`);
    await expect(prepareCommand([name], ALL_COMMANDS)).rejects.toThrow(expected);
  });

  it('lists all commands, with and without a database, if no command is given', async () => {
    const none = () => prepareCommand([], ALL_COMMANDS);
    await expect(none()).rejects.toThrow('npx cognito-sync-backend rules check');
    await expect(none()).rejects.toThrow('npx cognito-sync-backend indexes');
    expect(usage('rules', ALL_COMMANDS)).toMatch(
      /^Usage:\n {2}npx cognito-sync-backend rules check \[--json\]\n/,
    );
  });

  it.each(['erase', 'forget'])('asks before %s unless --yes or --dry-run is given', async (name) => {
    const line = [name, '--pool', 'a:0', '--identity', 'a:1'];
    expect(await questionOf(line)).toContain('a:1 in a:0');
    expect(await questionOf([...line, '--yes'])).toBeUndefined();
    expect(await questionOf([...line, '--dry-run', '--json'])).toBeUndefined();
    await expect(questionOf([...line, '--json'])).rejects.toThrow(UsageError);
  });

  it('asks before import --discard unless --yes is given', async () => {
    const line = ['import', '--discard'];
    expect(await questionOf(line)).toContain('Delete everything');
    expect(await questionOf([...line, '--yes', '--json'])).toBeUndefined();
    expect(await questionOf(['import', 'a', '--json'])).toBeUndefined();
    await expect(questionOf([...line, '--json'])).rejects.toThrow(UsageError);
  });

  it('lets Ctrl+C end only long-running commands', async () => {
    expect(await questionOf(['reconcile', '--pool', 'a:0'])).toBeUndefined();
    expect(await Promise.all(['reconcile', 'bulk-publish'].map((name) => stoppedText([name])))).not.toContain(
      undefined,
    );
    expect(await Promise.all(['redrive', 'indexes', 'erase'].map((name) => stoppedText([name])))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('rejects commands that the local cloud does not run', async () => {
    await expect(prepareCommand(['rules', 'check'])).rejects.toThrow('unknown command rules');
  });

  it('prints the usage of one command or of all', () => {
    expect(usage('indexes')).toContain(
      'npx cognito-sync-backend indexes add numeric|text|changes [--json]\n',
    );
    expect(usage(undefined)).toContain(usage('indexes').replace('Usage:', ''));
    expect(usage('toString')).toBe(usage(undefined));
  });

  it.each([
    { error: new UsageError('which?'), outcome: { exitCode: 2, error: 'which?' } },
    { error: new SetupError('stop that one'), outcome: { exitCode: 1, error: 'stop that one' } },
    {
      error: new DatabaseError('must be owner of table records', '42501'),
      outcome: { exitCode: 1, error: 'the database reported an error: must be owner of table records' },
    },
    {
      error: new ValueRefusedError('too large'),
      outcome: { exitCode: 1, error: 'the database reported an error: too large' },
    },
  ])('describes a failure: $error', async ({ error, outcome }) => {
    expect(await outcomeOf(() => Promise.reject(error))).toEqual(outcome);
  });

  it('rethrows an internal error', async () => {
    await expect(outcomeOf(() => Promise.reject(new TypeError('oops')))).rejects.toThrow('oops');
  });
});
