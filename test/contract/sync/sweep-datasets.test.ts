import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSweepDatasets } from '../../../functions/sweep-datasets.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { Database } from '../../../lib/database/database.ts';
import { SLOTS } from '../../../lib/sync/jobs/sweep-datasets.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { createDatasetSweep } from '../../../lib/sync/store/dataset-sweep.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { insertDatasets } from '../../fixtures/database/many-datasets.ts';
import { letLeasesAge } from '../../fixtures/database/outbox-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

const HOUR_MS = 60 * 60 * 1000;
const OTHER = 'us-east-1:0';

describe.each(SERVICE_DATABASES)('the sweep of datasets on $name', ({ open }) => {
  let database: Database;
  let operations: SyncOperations;
  let clock: { now: number };

  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    const tables = ['datasets', 'records', 'spent_tokens', 'pool_usage', 'outbox', 'outbox_leases'];
    await deleteRows(
      database,
      tables.map((table) => `sync.${table}`),
    );
    await createPool(database);
    await createPool(database, OTHER);
    ({ operations, clock } = createSyncService(database));
  });

  const createSweep = (more: { timeBudgetMs?: number; random?: () => number } = {}, on = database) =>
    createSweepDatasets({
      sweep: createDatasetSweep(on),
      logger: createLogger('sweep-datasets'),
      random: () => 0.5,
      now: () => clock.now,
      ...more,
    });
  const sweep = (run = createSweep()) => run({}, createLambdaContext('sweep-datasets', 'us-east-1'));
  /** Sweeps every slot once. @returns the sums over all runs */
  async function sweepAll(on = database) {
    const run = createSweep({}, on);
    const sum = { tokens: 0, leases: 0, sums: 0, next: 0 };
    for (let runs = 0; runs < 8; runs += 1) {
      const { tokens, leases, sums, next } = await sweep(run);
      Object.assign(sum, {
        tokens: sum.tokens + tokens,
        leases: sum.leases + leases,
        sums: sum.sums + sums,
        next,
      });
    }
    return sum;
  }
  const rowsIn = async (table: string) =>
    (await database.query<{ n: number }>(`SELECT count(*) AS n FROM sync.${table}`)).rows[0]?.n;
  const usage = (identityPoolId = POOL) => createPoolStore(database).readPoolUsage(identityPoolId);
  const clean = { tokens: 0, leases: 0, sums: 0, next: SLOTS / 2 };

  it('removes used tokens a day after they expire', async () => {
    for (let index = 0; index < 5; index += 1) await createDevice(operations).update(put('k', 'v'));
    clock.now += 24 * HOUR_MS;
    const device = createDevice(operations);
    await device.update(put('k', 'v'));
    clock.now += 24 * HOUR_MS;
    expect(await sweepAll()).toEqual(clean);
    clock.now += 1;
    expect(await sweepAll()).toEqual({ ...clean, tokens: 5 });
    expect(await rowsIn('spent_tokens')).toBe(1);
  });

  it('removes any number of tokens of one dataset', async () => {
    await database.query(
      'INSERT INTO sync.spent_tokens SELECT $1, 1, gen_random_uuid() FROM generate_series(1, 5200)',
      [randomUUID()],
    );
    expect(await sweepAll()).toEqual({ ...clean, tokens: 5_200 });
  });

  it('removes the leases of removed outbox rows, a day after these leases end', async () => {
    const device = createDevice(operations);
    await device.update(put('k', 'v'));
    await device.update(put('k', 'w', 1));
    const [first, second] = await createOutboxStore(database).claim(10, 0);
    await database.query('DELETE FROM sync.outbox WHERE outbox_id = $1', [first?.outboxId ?? null]);
    expect(await sweepAll()).toEqual(clean);
    await letLeasesAge(database, 25 * HOUR_MS);
    expect(await sweepAll()).toEqual({ ...clean, leases: 1 });
    expect((await database.query('SELECT outbox_id FROM sync.outbox_leases')).rows).toEqual([
      { outbox_id: second?.outboxId },
    ]);
  });

  it('corrects no sum of storage usage after writes, deletions and re-creations by the service', async () => {
    const devices = Array.from({ length: 20 }, () => createDevice(operations));
    for (const device of devices) await device.update(put('k', 'v'), put('l', 'w'));
    await Promise.all(devices.slice(0, 10).map((device) => device.update(put('k', 'longer', 1))));
    for (const device of devices.slice(5, 15)) await device.remove();
    for (const device of devices.slice(5, 8)) await device.update(put('m', 'again'));
    expect(await usage()).toMatchObject({ dataStorage: 5 * 9 + 3 * 6 + 5 * 4 });
    expect(await sweepAll()).toEqual(clean);
  });

  it('corrects the sums of storage usage after an operator has written datasets in SQL', async () => {
    await createDevice(operations).update(put('k', 'v'));
    const before = await usage();
    await insertDatasets(database, 300);
    await insertDatasets(database, 3, OTHER);
    await database.query("UPDATE sync.pool_usage SET data_storage = data_storage + 7 WHERE slot < '80'");
    const { sums } = await sweepAll();
    expect(sums).toBeGreaterThan(100);
    expect(await usage()).toEqual({ ...before, dataStorage: 2 + 300 * 20 });
    expect(await usage(OTHER)).toMatchObject({ dataStorage: 60, lastModifiedDate: 1_700_000_000_003 });
    await database.query('UPDATE sync.datasets SET deleted_sync_count = sync_count WHERE data_storage = 20');
    await database.query('UPDATE sync.pool_usage SET last_modified_ms = last_modified_ms + 5');
    await sweepAll();
    expect(await usage()).toEqual(before);
    expect(await usage(OTHER)).toMatchObject({ dataStorage: 0, lastModifiedDate: 1_700_000_000_003 });
    expect(await sweepAll()).toEqual(clean);
  });

  it('leaves a sum to the next sweep if a write changes it while the datasets are counted', async () => {
    const device = createDevice(operations);
    await device.update(put('k', 'v'));
    await database.query('UPDATE sync.pool_usage SET data_storage = 100');
    const racing: Database = {
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        // Simulates a write whose transaction ends after the datasets are counted and before the sum is updated.
        const raced = sql.includes('UPDATE sync.pool_usage')
          ? sql.replace('seen.data_storage AS seen_storage', 'seen.data_storage - 1 AS seen_storage')
          : sql;
        return database.query<Row>(raced, values);
      },
    };
    await sweepAll(racing);
    expect(await usage()).toMatchObject({ dataStorage: 100 });
    await sweepAll();
    expect(await usage()).toMatchObject({ dataStorage: 2 });
  });

  it('takes few statements on an empty database; this matters because the sweep runs every ten minutes', async () => {
    let statements = 0;
    const counting: Database = {
      ...database,
      query: (sql, values) => {
        statements += 1;
        return database.query(sql, values);
      },
    };
    const { next } = await sweep(createSweep({}, counting));
    expect(statements).toBe(1 + 4 * 32);
    expect(next).toBe(SLOTS / 2 + SLOTS / 8);
  });

  it('continues where the previous run ended, until every slot (a part of the datasets) was swept', async () => {
    await insertDatasets(database, 600);
    const run = createSweep({ timeBudgetMs: 0, random: () => 0.999 });
    expect((await sweep(run)).next).toBe(0);
    expect((await sweep(run)).next).toBe(1);
    for (let index = 2; index < SLOTS; index += 1) await sweep(run);
    expect(await usage()).toMatchObject({ dataStorage: 600 * 20 });
  });
});
