import { describe, expect, it } from 'vitest';
import { SetupError, ValueRefusedError } from '../../lib/errors.ts';
import { UsageError } from '../../lib/operator/command.ts';
import { outcomeOf, prepareCommand } from '../../lib/operator/run-command.ts';
import { usage } from '../../lib/operator/usage.ts';
import { DatabaseError } from '../../lib/store/database.ts';

describe("the operator's command line", () => {
  it.each([
    { line: [], says: 'which command?' },
    { line: ['index'], says: 'there is no command index' },
    { line: ['constructor'], says: 'there is no command constructor' },
    { line: ['indexes', 'build'], says: 'indexes: there is no build' },
    { line: ['indexes', 'add'], says: 'indexes add takes one of numeric, text' },
    { line: ['indexes', 'add', 'date'], says: 'indexes add takes one of numeric, text' },
    { line: ['indexes', 'drop', 'text', 'numeric'], says: 'indexes drop takes one of numeric, text' },
    { line: ['indexes', '--all'], says: "Unknown option '--all'" },
    { line: ['redrive', 'all'], says: 'redrive does not take all' },
    { line: ['redrive', '--failures='], says: '--failures takes an address in S3 or a directory' },
    { line: ['pools', 'remove'], says: 'pools: there is no remove' },
    { line: ['pools', '--no-stream'], says: 'pools: a stream is for pools add' },
    { line: ['pools', 'add'], says: 'pools add takes one id' },
    { line: ['pools', 'add', 'a:0', 'a:1'], says: 'pools add takes one id' },
    { line: ['pools', 'add', 'POOL'], says: 'POOL is not the id of an identity pool: Member must satisfy' },
    { line: ['pools', 'add', `a:${'0'.repeat(54)}`], says: 'length less than or equal to 55' },
    { line: ['pools', 'add', 'a:0', '--stream', ''], says: ' is not the name of a stream: Member must' },
    {
      line: ['pools', 'add', 'a:0', '--stream', 'a b'],
      says: 'a b is not the name of a stream: Member must',
    },
    { line: ['pools', 'add', 'a:0', '--stream', 's'.repeat(129)], says: 'less than or equal to 128' },
    { line: ['pools', 'add', 'a:0', '--stream', 's', '--no-stream'], says: 'not both' },
  ])('$line is refused before any database is asked, with how it is called', ({ line, says }) => {
    expect(() => prepareCommand(line)).toThrow(UsageError);
    expect(() => prepareCommand(line)).toThrow(says);
    expect(() => prepareCommand(line)).toThrow('\nUsage:\n  npx cognito-sync-backend ');
  });

  it.each([
    [['indexes']],
    [['indexes', 'add', 'numeric']],
    [['indexes', 'drop', 'text']],
    [['pools']],
    [['pools', 'add', `a:${'0'.repeat(53)}`]],
    [['pools', 'add', 'a:0', '--stream', 'mine']],
    [['pools', 'add', '--no-stream', 'a:0']],
  ])('%j is taken', (line) => {
    expect(prepareCommand(line)).toBeTypeOf('function');
  });

  it('says how one command is called, or all of them', () => {
    expect(usage('indexes')).toContain('npx cognito-sync-backend indexes add numeric|text\n');
    expect(usage(undefined)).toContain(usage('indexes').replace('Usage:', ''));
    expect(usage('toString')).toBe(usage(undefined));
  });

  it.each([
    { error: new UsageError('which?'), outcome: { exitCode: 2, error: 'which?' } },
    { error: new SetupError('stop that one'), outcome: { exitCode: 1, error: 'stop that one' } },
    {
      error: new DatabaseError('must be owner of table records', '42501'),
      outcome: { exitCode: 1, error: 'the database says: must be owner of table records' },
    },
    {
      error: new ValueRefusedError('too large'),
      outcome: { exitCode: 1, error: 'the database says: too large' },
    },
  ])('words a failure: $error', async ({ error, outcome }) => {
    expect(await outcomeOf(() => Promise.reject(error))).toEqual(outcome);
  });

  it('keeps no failure back that is ours', async () => {
    await expect(outcomeOf(() => Promise.reject(new TypeError('oops')))).rejects.toThrow('oops');
  });
});
