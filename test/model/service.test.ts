import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../lib/database/database.ts';
import { EMBEDDED, POSTGRESQL, UNSTABLE_DSQL } from '../fixtures/database/databases.ts';
import { NEW_YEAR } from '../fixtures/sync/stream-events.ts';
import { type Command, withText } from './command.ts';
import { createDevices, deviceCommands } from './device-commands.ts';
import { finish } from './finish.ts';
import { mergeCommands } from './merge-commands.ts';
import { poolCommands } from './pool-commands.ts';
import { recordCommands } from './record-commands.ts';
import { createRun } from './service-run.ts';
import { shortenIds } from './setup.ts';

/**
 * MODEL_RUNS is the number of runs on PostgreSQL. The embedded database has a quarter of these runs, and the database
 * with failing commits an eighth. A run has about 45 commands. Set `MODEL_RUNS=5000` for a long run.
 * MODEL_SEED repeats a failure.
 */
const { MODEL_RUNS, MODEL_SEED } = process.env;
const RUNS = Number(MODEL_RUNS ?? 80);
/** Minimum number of commands in 80 runs. Fewer commands cannot be due to chance: the generators must be wrong. */
const MIN_COMMANDS = 1_500;
const MAX_COMMANDS = 100;
/** Long enough to shrink a counterexample. */
const TIMEOUT_MS = 120_000 + RUNS * 1_000;

/**
 * Most runs use PostgreSQL, on which a command takes the least time, because most faults do not depend on the database.
 * A command on the embedded database takes three times as long. With failing commits, many transactions run several
 * times.
 */
const PLACES = [
  { ...EMBEDDED, runs: Math.ceil(RUNS / 4) },
  { ...POSTGRESQL, runs: RUNS },
  { ...UNSTABLE_DSQL, runs: Math.ceil(RUNS / 8) },
];

const commands = fc
  .array(
    fc.oneof(
      { arbitrary: recordCommands, weight: 15 },
      { arbitrary: poolCommands, weight: 8 },
      { arbitrary: deviceCommands, weight: 6 },
      { arbitrary: mergeCommands, weight: 5 },
    ),
    { maxLength: MAX_COMMANDS, size: 'max' },
  )
  .map(withText);

describe.each(PLACES)('the service on $name', ({ open, runs }) => {
  let database: Database;
  let executed = 0;

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());

  async function runAll(all: readonly Command[]): Promise<void> {
    const run = await createRun(database);
    const devices = createDevices();
    try {
      for (const one of all) {
        executed += 1;
        run.log.push(`-- ${one.text}`);
        await one.run(run, devices);
      }
      run.log.push('-- final checks');
      await finish(run, devices);
    } catch (error) {
      throw new Error(`${messageOf(error)}\n\nWhat happened:\n${shorten(run.log)}`, { cause: error });
    }
  }

  it(
    'returns and publishes the same as its model for random sequences of commands',
    async () => {
      const seed = MODEL_SEED === undefined ? {} : { seed: Number(MODEL_SEED) };
      await fc.assert(fc.asyncProperty(commands, runAll), { numRuns: runs, ...seed });
      if (MODEL_RUNS === undefined)
        expect(executed, 'commands').toBeGreaterThan((MIN_COMMANDS * runs) / RUNS);
    },
    TIMEOUT_MS,
  );
});

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Shortens ids to their last digit, and dates to milliseconds since NEW_YEAR. */
function shorten(log: readonly string[]): string {
  return shortenIds(log.join('\n')).replaceAll(/\b17\d{11}\b/g, (date) => String(Number(date) - NEW_YEAR));
}
