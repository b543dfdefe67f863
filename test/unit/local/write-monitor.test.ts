import { describe, expect, it } from 'vitest';
import { createWriteMonitor } from '../../../infra/local/write-monitor.ts';
import { ValueRefusedError } from '../../../lib/common/errors.ts';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';

/** A watched database that answers each statement with the next outcome: an error, or the number of rows changed. */
function createWatched() {
  const clock = { now: 0 };
  const outcomes: (Error | number)[] = [];
  const query: Database['query'] = async () => {
    const outcome = outcomes.shift() ?? 0;
    if (typeof outcome !== 'number') throw outcome;
    return { rows: [], rowsChanged: outcome };
  };
  const monitor = createWriteMonitor({ directory: '/data/database', now: () => clock.now });
  const database = monitor.watch({
    query,
    transaction: (work) => work({ query }),
    close: async () => undefined,
  });
  const run = async (outcome: Error | number) => {
    outcomes.push(outcome);
    await database.query('').catch(() => undefined);
    return monitor.status().lastError;
  };
  const runInTransaction = async (outcome: Error | number) => {
    outcomes.push(outcome);
    await database.transaction((on) => on.query('')).catch(() => undefined);
    return monitor.status().lastError;
  };
  return { clock, monitor, run, runInTransaction };
}

const error = (code: string) => new DatabaseError('could not extend file "secret"', code);

describe('the monitor of writes', () => {
  it('reports a full disk with a remedy until a write succeeds', async () => {
    const { run } = createWatched();
    const full = 'no space left on /data/database; free some space; no data is lost';
    expect(await run(error('53100'))).toBe(full);
    expect(await run(0)).toBe(full);
    expect(await run(1)).toBeNull();
  });

  it('observes transactions as well', async () => {
    const { runInTransaction } = createWatched();
    expect(await runInTransaction(error('25006'))).toBe('the database returns the error 25006');
    expect(await runInTransaction(0)).not.toBeNull();
    expect(await runInTransaction(2)).toBeNull();
  });

  it('reports a lost connection until any statement succeeds', async () => {
    const { run } = createWatched();
    expect(await run(error('ECONNREFUSED'))).toBe('the database returns the error ECONNREFUSED');
    expect(await run(0)).toBeNull();
  });

  it.each([
    ['a lock timeout', error('55P03')],
    ['a serialization failure', error('40001')],
    ['a statement timeout', error('57014')],
    ['a missing table', error('42P01')],
    ['a value that cannot be stored', new ValueRefusedError('')],
    ['an error of the caller', new TypeError('')],
  ])('does not report %s', async (_, given) => {
    const { run } = createWatched();
    expect(await run(given)).toBeNull();
  });

  it('no longer reports a failure after a minute without another failure', async () => {
    const { run, monitor, clock } = createWatched();
    await run(error('XX000'));
    clock.now = 60_000;
    expect(monitor.status().lastError).toBe('the database returns the error XX000');
    clock.now = 60_001;
    expect(monitor.status().lastError).toBeNull();
  });
});
