import type { Database } from '../../database/database.ts';
import { type MigrationStatus, readMigration, toMigrationStatus } from '../../move/migration-status.ts';
import { createBridgeReports } from '../../move/store/bridge-reports.ts';
import { createMoveStore } from '../../move/store/move-store.ts';
import type { PageRequest, QueryPage } from '../model.ts';

/** Maximum number of pools on a page, because each pool needs several statements. */
const MAX_POOLS = 10;
const MAX_ROWS = 5_000;

/**
 * Creates the reader of the pools that are being migrated, in the order of their ids. The cost of a page is bounded.
 *
 * @param database must be able to read the tables of the migration, which `query_reader` cannot
 * @param now epoch milliseconds
 * @param maxRows maximum number of rows that are counted in each list of a pool, such as its identities
 */
export function createMigrationReader(
  database: Database,
  now: () => number,
  maxRows = MAX_ROWS,
): (page: PageRequest) => Promise<QueryPage<MigrationStatus>> {
  const move = createMoveStore(database, { offloading: null, now });
  const bridges = createBridgeReports(database);
  return async ({ limit, after }) => {
    const size = Math.min(limit, MAX_POOLS);
    const pools = await move.listPools(now(), { after: after?.[0] ?? '', limit: size });
    const items: MigrationStatus[] = [];
    for (const pool of pools) {
      items.push(toMigrationStatus(await readMigration(pool, { move, bridges }, maxRows)));
    }
    const last = pools.at(-1);
    return { items, next: last === undefined || pools.length < size ? null : [last.identityPoolId] };
  };
}
