import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createMaintenance } from '../../../lib/database/drivers/pglite/create-maintenance.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

const [EMBEDDED] = DATABASES;

describe('the maintenance of the embedded database', () => {
  let database: Database;
  let maintain: () => Promise<string[]>;
  beforeAll(async () => {
    database = await (EMBEDDED?.openOwn() ?? Promise.reject(new Error('no embedded database')));
    await createPool(database);
    maintain = createMaintenance(database, Date.now);
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await maintain();
    await maintain();
  });

  const pagesOf = async (table: string) =>
    (
      await database.query<{ pages: number }>(
        'SELECT pg_total_relation_size($1::regclass)::bigint / 8192 AS pages',
        [table],
      )
    ).rows[0]?.pages ?? Number.NaN;

  it('returns the space of deleted rows to the file system', async () => {
    await database.query(
      `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts)
       SELECT gen_random_uuid(), 'k', repeat('x', 1000), now(), 0 FROM generate_series(1, 3000)`,
    );
    await database.query('DELETE FROM sync.outbox');
    expect(await pagesOf('sync.outbox')).toBeGreaterThan(300);
    expect(await maintain()).toEqual(['sync.outbox']);
    expect(await pagesOf('sync.outbox')).toBeLessThan(60);
  });

  it('vacuums only tables that were never vacuumed or have many dead rows', async () => {
    expect(await maintain()).toEqual([]);
    await database.query(
      'INSERT INTO sync.spent_tokens SELECT gen_random_uuid(), 1, gen_random_uuid() FROM generate_series(1, 1000)',
    );
    const remove = (count: number) =>
      database.query(
        `DELETE FROM sync.spent_tokens WHERE session_id IN (SELECT session_id FROM sync.spent_tokens LIMIT ${count})`,
      );
    // The table has no dead rows, but was never vacuumed.
    expect(await maintain()).toEqual(['sync.spent_tokens']);
    await remove(100);
    expect(await maintain()).toEqual([]);
    await remove(200);
    expect(await maintain()).toEqual(['sync.spent_tokens']);
    expect(await maintain()).toEqual([]);
  });

  it('does not vacuum a table for an hour after a failure, and vacuums the other tables', async () => {
    const failing: Database = {
      ...database,
      async query<Row>(sql: string, values?: Parameters<Database['query']>[1]) {
        if (sql === 'VACUUM sync.datasets') throw new Error('statement timed out');
        return database.query<Row>(sql, values);
      },
    };
    let now = 0;
    const run = createMaintenance(failing, () => now);
    for (const table of ['datasets', 'identities']) {
      await database.query(`DELETE FROM sync.${table}`);
      const columns = table === 'datasets' ? ", '', 1, 0, 0, 0, '', 0, 0" : '';
      await database.query(
        `INSERT INTO sync.${table} SELECT gen_random_uuid(), '', ''${columns} FROM generate_series(1, ${table === 'datasets' ? 400 : 200})`,
      );
      await database.query(`DELETE FROM sync.${table}`);
    }
    await expect(run()).rejects.toThrow('statement timed out');
    expect(await run()).toEqual(['sync.identities']);
    now += 60 * 60 * 1000 - 1;
    expect(await run()).toEqual([]);
    now += 1;
    await expect(run()).rejects.toThrow('statement timed out');
  });

  it('keeps the write-ahead log below ten files while the service writes and deletes much data', async () => {
    const walFiles = async () =>
      (
        await database.query<{ n: number }>(
          "SELECT count(*) AS n FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'",
        )
      ).rows[0]?.n;
    for (let index = 0; index < 16; index += 1) {
      // Random text, which PostgreSQL cannot compress. PGlite would take a second of CPU time to create it.
      await database.query(
        'INSERT INTO sync.payloads SELECT gen_random_uuid(), $1, 0 FROM generate_series(1, 400)',
        [randomBytes(27_000).toString('base64')],
      );
      await database.query('DELETE FROM sync.payloads');
      await maintain();
    }
    expect(await walFiles()).toBeLessThan(10);
  });

  it('keeps tables from growing if the service writes the same records again and again', async () => {
    const { operations } = createSyncService(database);
    const device = createDevice(operations);
    const outbox = createOutboxStore(database);
    let count = 0;
    const writeAndRelay = async (updates: number) => {
      for (let index = 0; index < updates; index += 1) {
        const patches = Array.from({ length: 10 }, (_, key) => put(`key-${key}`, `value ${count}`, count));
        await device.update(...patches);
        count += 1;
        await outbox.remove((await outbox.claim(500, 1_000)).map(({ outboxId }) => outboxId));
        if (count % 60 === 0) await maintain();
      }
    };
    const sizes = async () => {
      const pages: Record<string, number> = {};
      for (const table of ['outbox', 'outbox_leases', 'records', 'datasets', 'pool_usage'])
        pages[table] = await pagesOf(`sync.${table}`);
      return pages;
    };
    await writeAndRelay(120);
    const before = await sizes();
    await writeAndRelay(480);
    for (const [table, pages] of Object.entries(await sizes()))
      expect([table, pages <= 1.3 * (before[table] ?? 0) + 4]).toEqual([table, true]);
  });
});
