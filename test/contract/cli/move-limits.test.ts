import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareCommand } from '../../../infra/cli/run-command.ts';
import type { Database } from '../../../lib/database/database.ts';
import type { OriginListing } from '../../../lib/move/ports/origin.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { openDatabase } from '../../fixtures/database/databases.ts';
import { commandDeps } from '../../fixtures/local/command-deps.ts';
import { listingOf, scriptedOrigin } from '../move/scripted-origin.ts';

describe('the limits of the service', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase();
  });
  afterAll(() => database.close());

  /** Prepares a pool at the origin whose only identity has one dataset. */
  function poolWith(listing: OriginListing) {
    const [pool, identityId] = [`us-east-1:${randomUUID()}`, `us-east-1:${randomUUID()}`];
    const origin = scriptedOrigin(pool, { [identityId]: { game: listing } });
    /** Runs a command with this limit. @returns what it prints */
    const run = async (command: string, rowsPerDataset: number, ...more: string[]) => {
      const args = ['move', command, '--pool', pool, '--rate', '1000', '--json', ...more];
      const lines: string[] = [];
      // `move finish` waits 30 seconds for the bridge, which does not run here. So the clock runs faster, but only after
      // the takeovers, because a takeover has a lease.
      let takenOverAt = Number.POSITIVE_INFINITY;
      const now = () => Date.now() + 30 * Math.max(0, Date.now() - takenOverAt);
      const deps = commandDeps({
        database,
        openOrigin: async () => origin,
        readLimits: () => ({ ...DEFAULT_LIMITS, rowsPerDataset }),
        print: (line) => void lines.push(line),
        progress({ text }) {
          if (text.includes('taken over')) takenOverAt = Math.min(takenOverAt, Date.now());
        },
        now,
      });
      await (await prepareCommand(args))(deps);
      return JSON.parse(lines[0] ?? '');
    };
    return { run, problem: { identityId, datasetName: 'game', reason: 'above-limits' } };
  }

  it('decide whether `move copy` reports a dataset as above the limits', async () => {
    const { run, problem } = poolWith(listingOf(1, 2));
    expect(await run('copy', 1)).toMatchObject({ end: 'finished', skippedItems: [problem] });
    expect(await run('copy', 2)).toMatchObject({ end: 'finished', skippedItems: [] });
  });

  it('can be raised, so that `move copy` does not report a dataset that is above the default', async () => {
    const rows = Array.from({ length: DEFAULT_LIMITS.rowsPerDataset + 1 }, (_, index) => index + 1);
    const listing = listingOf(...rows);
    const removed = { ...listing, records: listing.records.map((record) => ({ ...record, value: null })) };
    const { run, problem } = poolWith(removed);
    expect(await run('copy', DEFAULT_LIMITS.rowsPerDataset)).toMatchObject({ skippedItems: [problem] });
    expect(await run('copy', rows.length)).toMatchObject({ end: 'finished', skippedItems: [] });
  });

  it.each([1, 2])('apply to `move take-over` and `move finish`, with a limit of %i rows', async (rows) => {
    const { run: runFirst, problem: first } = poolWith(listingOf(1, 2));
    await runFirst('copy', 2);
    expect(await runFirst('take-over', rows)).toMatchObject({
      takenOver: 1,
      problems: rows === 1 ? [first] : [],
    });

    const { run, problem } = poolWith(listingOf(1, 2));
    await run('copy', 2);
    const ignored = ['--quiet-for', '0s', '--ignore', 'not-followed,waiting'];
    expect(await run('finish', rows, ...ignored)).toMatchObject({
      outcome: 'finished',
      left: { notTakenOver: rows === 1 ? [problem] : [] },
    });
  });
});
