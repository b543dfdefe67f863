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

describe("the operator's command line", () => {
  it.each([
    { line: [], says: 'no command given' },
    { line: ['index'], says: 'unknown command index' },
    { line: ['constructor'], says: 'unknown command constructor' },
    { line: ['indexes', 'build'], says: 'indexes: unknown action build' },
    { line: ['indexes', 'add'], says: 'indexes add takes one of numeric, text' },
    { line: ['indexes', 'add', 'date'], says: 'indexes add takes one of numeric, text' },
    { line: ['indexes', 'drop', 'text', 'numeric'], says: 'indexes drop takes one of numeric, text' },
    { line: ['indexes', '--all'], says: "Unknown option '--all'" },
    { line: ['redrive', 'all'], says: 'redrive does not take all' },
    { line: ['redrive', '--failures='], says: '--failures takes an S3 URI or a directory' },
    {
      line: ['redrive', '--dismiss', '--failures', 'there'],
      says: '--dismiss applies to the quarantine; it cannot be combined with --failures',
    },
    { line: ['redrive', '--json', '--json'], says: '--json is given twice' },
    { line: ['status', '--pool', 'a:0', '--pool=a:1'], says: '--pool is given twice' },
    { line: ['pools', 'remove'], says: 'pools: unknown action remove' },
    { line: ['pools', '--no-stream'], says: '--stream and --no-stream are valid only for pools add' },
    { line: ['pools', 'add'], says: 'pools add takes one identity pool id' },
    { line: ['pools', 'add', 'a:0', 'a:1'], says: 'pools add takes one identity pool id' },
    { line: ['pools', 'add', 'POOL'], says: 'POOL is not the id of an identity pool: Member must satisfy' },
    { line: ['pools', 'add', `a:${'0'.repeat(54)}`], says: 'length less than or equal to 55' },
    { line: ['pools', 'add', 'a:0', '--stream', ''], says: ' is not the name of a stream: Member must' },
    {
      line: ['pools', 'add', 'a:0', '--stream', 'a b'],
      says: 'a b is not the name of a stream: Member must',
    },
    { line: ['pools', 'add', 'a:0', '--stream', 's'.repeat(129)], says: 'less than or equal to 128' },
    { line: ['pools', 'add', 'a:0', '--stream', 's', '--no-stream'], says: 'not both' },
    { line: ['bulk-publish'], says: 'bulk-publish takes one of start, watch, status' },
    {
      line: ['bulk-publish', 'stop', '--pool', 'a:0'],
      says: 'bulk-publish takes one of start, watch, status',
    },
    {
      line: ['bulk-publish', 'start'],
      says: 'bulk-publish start takes --pool with the id of an identity pool',
    },
    {
      line: ['bulk-publish', 'start', '--pool', ''],
      says: ' is not the id of an identity pool: Member must',
    },
    {
      line: ['bulk-publish', 'start', '--pool', 'a:0', '--timeout', '9'],
      says: '--timeout is valid only for bulk-publish',
    },
    {
      line: ['bulk-publish', 'watch', '--pool', 'a:0', '--timeout', '1m'],
      says: '--timeout takes a number from',
    },
    { line: ['status', 'a:0'], says: 'status does not take a:0' },
    { line: ['status', '--pool', 'a:0,a:1'], says: 'a:0,a:1 is not the id of an identity pool' },
    { line: ['reconcile'], says: 'reconcile takes --pool' },
    { line: ['reconcile', '--pool', 'a:0', '--rate', '0'], says: '--rate takes a number from 1 to 1000' },
    { line: ['forget', '--pool', 'a:0'], says: 'forget takes --identity' },
    { line: ['forget', '--pool', 'a:0', '--identity', 'Ada'], says: 'Ada is not the id of an identity' },
  ])('$line is refused before any database is asked, with how it is called', ({ line, says }) => {
    expect(() => prepareCommand(line)).toThrow(UsageError);
    expect(() => prepareCommand(line)).toThrow(says);
    expect(() => prepareCommand(line)).toThrow('\nUsage:\n  npx cognito-sync-backend ');
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
    [['bulk-publish', 'watch', '--pool', 'a:0', '--timeout', '60', '--json']],
    [['status']],
    [['status', '--pool', 'a:0', '--check', '--json']],
    [['reconcile', '--pool', 'a:0', '--rate', '1000', '--restart']],
    [['forget', '--pool', 'a:0', '--identity', 'a:1', '--yes', '--json']],
  ])('%j is taken', (line) => {
    expect(prepareCommand(line)).toBeTypeOf('function');
  });

  const prepareHere = (line: string[]) => prepareFrom(PROCESS_COMMANDS, line, ALL_COMMANDS);

  it.each([
    { line: ['rules'], says: 'rules: no action given; use check or try' },
    { line: ['connect'], says: 'connect takes --pool' },
    { line: ['connect', '--pool', 'a:0', '--pool', 'a:1'], says: '--pool is given twice' },
    { line: ['connect', 'a:0'], says: 'connect does not take a:0' },
    { line: ['connect', '--pool', 'a:0', '--stream', 'arn:aws:kinesis:x'], says: '--stream takes the name' },
    { line: ['connect', '--pool', 'a:0', '--role', 'admin'], says: 'admin is not the ARN of a role' },
    { line: ['connect', '--pool', 'a:0', '--trigger', 'f'], says: 'f is not the ARN of a function' },
    { line: ['disconnect', '--pool', 'POOL'], says: 'POOL is not the id of an identity pool' },
    { line: ['rules', 'test'], says: 'rules: unknown action test' },
    { line: ['rules', 'check', 'mine.ts'], says: 'rules check does not take mine.ts' },
    { line: ['rules', 'check', '--event', '-'], says: '--event is valid only for rules try' },
    { line: ['rules', 'try'], says: 'rules try takes --event with a file' },
    { line: ['rules', 'try', '--event', ''], says: 'rules try takes --event with a file' },
    { line: ['rules', 'try', '--events', 'a.json'], says: "Unknown option '--events'" },
  ])('$line is refused before any file is read, with how it is called', ({ line, says }) => {
    expect(() => prepareHere(line)).toThrow(UsageError);
    expect(() => prepareHere(line)).toThrow(says);
    expect(() => prepareHere(line)).toThrow(
      /\nUsage:\n {2}npx cognito-sync-backend (rules|connect|disconnect) /,
    );
  });

  it.each([[['rules', 'check']], [['rules', 'try', '--event', '-', '--json']]])('%j is taken', (line) => {
    expect(prepareHere(line)).toBeTypeOf('function');
  });

  it('names commands of either kind where there is none of that name', () => {
    const unknown = () => prepareCommand(['rule'], ALL_COMMANDS);
    expect(unknown).toThrow('unknown command rule');
    expect(unknown).toThrow('npx cognito-sync-backend rules check');
    expect(unknown).toThrow('npx cognito-sync-backend indexes');
    expect(usage('rules', ALL_COMMANDS)).toMatch(
      /^Usage:\n {2}npx cognito-sync-backend rules check \[--json\]\n/,
    );
  });

  it('asks before it forgets anybody, unless told not to, and ends with Ctrl+C what goes on later', () => {
    const line = ['forget', '--pool', 'a:0', '--identity', 'a:1'];
    expect(questionOf(line)).toContain('a:1 in a:0');
    expect(questionOf([...line, '--yes'])).toBeUndefined();
    expect(() => questionOf([...line, '--json'])).toThrow(UsageError);
    expect(questionOf(['reconcile', '--pool', 'a:0'])).toBeUndefined();
    expect(['reconcile', 'bulk-publish'].map((name) => stoppedText([name]))).not.toContain(undefined);
    expect(['redrive', 'indexes', 'forget'].map((name) => stoppedText([name]))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('leaves to the local cloud no command that it does not run', () => {
    expect(() => prepareCommand(['rules', 'check'])).toThrow('unknown command rules');
  });

  it('says how one command is called, or all of them', () => {
    expect(usage('indexes')).toContain('npx cognito-sync-backend indexes add numeric|text [--json]\n');
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
  ])('words a failure: $error', async ({ error, outcome }) => {
    expect(await outcomeOf(() => Promise.reject(error))).toEqual(outcome);
  });

  it('keeps no failure back that is ours', async () => {
    await expect(outcomeOf(() => Promise.reject(new TypeError('oops')))).rejects.toThrow('oops');
  });
});
