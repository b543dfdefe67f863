import { createDatabase } from '../../bench/create-database.ts';
import { startPostgresServer } from '../../fixtures/database/postgres-server.ts';
import type { SoakDatabase, SoakResult } from '../soak.ts';
import { runPopulation } from './population.ts';

const USERS = Number(process.env.POPULATION_USERS ?? 200);

/** Moves a population of users from one service to another. */
export const POPULATION = {
  name: 'population',
  title: `${USERS} users moved from one service to another while their apps are in use`,
  databases: ['embedded', 'PostgreSQL'] as readonly SoakDatabase[],
  /** Duration of the time after the copy. */
  seconds: 240,

  async run({
    database,
    seconds,
    seed,
  }: {
    database: SoakDatabase;
    seconds: number;
    seed: number;
  }): Promise<SoakResult> {
    const server = database === 'PostgreSQL' ? await startPostgresServer() : null;
    try {
      const databaseUrls = server && {
        origin: await createDatabase(server.url),
        target: await createDatabase(server.url),
      };
      const { problems, figures } = await runPopulation({
        databaseUrls,
        seed,
        users: USERS,
        syncManagers: 8,
        faults: Math.max(5, Math.round(seconds / 16)),
        secondsBefore: seconds / 6,
        secondsAfter: seconds,
        rate: 20,
        writesAfterMerges: true,
        note: (text) => console.error(`  ${text}`),
      });
      return { problems, cells: figures };
    } finally {
      await server?.close();
    }
  },
};
