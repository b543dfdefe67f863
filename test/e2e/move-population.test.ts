import { expect, it } from 'vitest';
import { createPostgresDatabase } from '../fixtures/database/databases.ts';
import { runPopulation } from '../soak/population/population.ts';

/**
 * POPULATION_SEED repeats a run, POPULATION_USERS and POPULATION_SECONDS make it larger. The complete test is
 * `npm run test:soak -- population`.
 */
const seed = Number(process.env.POPULATION_SEED ?? Date.now() % 2 ** 31);

const users = Number(process.env.POPULATION_USERS ?? 12);
const secondsAfter = Number(process.env.POPULATION_SECONDS ?? 20);

it(`moves users between two services without losing an acknowledged change, seed ${seed}`, async () => {
  const { problems, figures } = await runPopulation({
    databaseUrls: { origin: await createPostgresDatabase(), target: await createPostgresDatabase() },
    seed,
    users,
    syncManagers: 2,
    faults: 5,
    secondsBefore: 3,
    secondsAfter,
    rate: 15,
    writesAfterMerges: false,
    note: (text) => process.env.POPULATION_NOTES && console.error(text),
  });
  if (process.env.POPULATION_NOTES) console.error(figures);
  expect({ seed, figures, problems }).toEqual({ seed, figures, problems: [] });
  // The run would prove nothing if the devices or the bridge did nothing.
  expect(Number(figures['acknowledged changes'])).toBeGreaterThan(100);
  expect(Number(figures['bridge writes at the origin'])).toBeGreaterThan(0);
  expect(Number(figures['bridge writes at the target'])).toBeGreaterThan(0);
}, 600_000);
