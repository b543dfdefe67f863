import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createEraseStore } from '../../../lib/backfill/store/erase-store.ts';
import type { Database, SqlValue } from '../../../lib/database/database.ts';
import { identityIdHash } from '../../../lib/database/row-ids.ts';
import { eraseCovered } from '../../../lib/projection/store/erase-covered.ts';
import { createQuerySweep } from '../../../lib/projection/store/query-sweep.ts';
import {
  REMOVE_DEVICES_OF_IDENTITY,
  REMOVE_SUBSCRIPTIONS_OF_IDENTITY,
} from '../../../lib/sync/store/identity-data-statements.ts';
import { createIdentityDataStore } from '../../../lib/sync/store/identity-data-store.ts';
import {
  REMOVE_DEVICES,
  REMOVE_SUBSCRIPTIONS_OF_DEVICES,
} from '../../../lib/sync/store/pool-data-statements.ts';
import { createUnpublishedStore } from '../../../lib/sync/store/unpublished-store.ts';
import { openDatabase, SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteAllRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { IDENTITY, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

const IDENTITY_KEY = { identityPoolId: POOL, identityId: IDENTITY };

describe.each(SERVICE_DATABASES)(
  'a deletion of more bytes than one transaction may change, on $name',
  ({ open }) => {
    let database: Database;
    beforeAll(async () => {
      database = await open();
    });
    afterAll(() => database.close());
    beforeEach(async () => {
      await deleteAllRows(database);
      await createPool(database);
    });
    const countIn = async (table: string) =>
      (await database.query<{ n: number }>(`SELECT count(*) AS n FROM sync.${table}`)).rows[0]?.n;

    /** Inserts deleted datasets of the identity, each with 30 rows of 33 KB. */
    const insertDeletedDatasets = async (count: number) => {
      await database.query(
        `INSERT INTO sync.datasets (dataset_id, identity_pool_id, identity_id, dataset_name, sync_count, deleted_sync_count,
         creation_ms, last_modified_ms, last_modified_by, data_storage, record_count, row_count, key_bytes, counted_sync_count)
       SELECT md5(n::text)::uuid, $1, $2, 'd' || n, 1, 1, 0, 0, 'device', 990000, 30, 30, 60, 1
       FROM generate_series(1, ${count}) AS n`,
        [POOL, IDENTITY],
      );
      await database.query(
        `INSERT INTO sync.records (dataset_id, record_id, record_key, record_value, sync_count, last_modified_ms, last_modified_by)
       SELECT dataset_id, md5(n::text)::uuid, n::text, repeat('x', 33000), 1, 0, 'device'
       FROM sync.datasets, generate_series(1, 30) AS n`,
      );
    };

    it('removes the records of a deleted identity', async () => {
      await insertDeletedDatasets(15);
      await createUnpublishedStore(database).markDeleted(IDENTITY_KEY, 1);
      await createIdentityDataStore(database).removeRows(IDENTITY_KEY);
      expect([await countIn('records'), await countIn('datasets')]).toEqual([0, 0]);
    });

    it('erases the unpublished events of an identity', async () => {
      await database.query(
        `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts)
       SELECT md5(n::text)::uuid, $2, '{"identityPoolId":"' || $1 || '"' || repeat('x', 900000), now(), 0
       FROM generate_series(1, 15) AS n`,
        [POOL, IDENTITY],
      );
      await createUnpublishedStore(database).eraseUnpublished(IDENTITY_KEY, { withRemovals: false });
      expect(await countIn('outbox')).toBe(0);
    });

    it('erases the records of an identity in the query store, and expired quarantined events', async () => {
      const datasets = `md5('d' || n)::uuid AS dataset_id FROM generate_series(1, 15) AS n`;
      await database.query(
        `INSERT INTO projection.datasets (dataset_id, identity_pool_id, identity_id, dataset_name, last_modified_ms, sync_count, projected_at)
       SELECT dataset_id, $1, $2, dataset_id, 0, 1, now() FROM (SELECT ${datasets}) AS given`,
        [POOL, IDENTITY],
      );
      await database.query(
        `INSERT INTO projection.records (dataset_id, record_id, record_key, record_value, last_modified_ms, sync_count, projected_at)
       SELECT dataset_id, dataset_id, 'key', repeat('x', 900000), 0, 1, now() FROM (SELECT ${datasets}) AS given`,
      );
      await database.query(
        `INSERT INTO projection.quarantine (quarantine_id, reason, stream_name, shard_id, sequence_number, arrived_at, quarantined_at, payload)
       SELECT dataset_id, 'not-json', 's', '0', '0', now(), now(), convert_to(repeat('x', 900000), 'UTF8')
       FROM (SELECT ${datasets}) AS given`,
      );
      await createEraseStore(database).eraseDatasets(IDENTITY_KEY);
      const later = Date.now() + 60_000;
      const sweep = createQuerySweep(database);
      while ((await sweep.removeQuarantined({ quarantined: later, redriven: later })) > 0);
      const { rows } = await database.query(
        'SELECT 1 FROM projection.records UNION ALL SELECT 1 FROM projection.datasets UNION ALL SELECT 1 FROM projection.quarantine',
      );
      expect(rows).toEqual([]);
    });

    describe('of the values of removed datasets in the query store', () => {
      /** Inserts removed datasets whose records still have values. `key` and `value` are SQL. @returns dataset ids */
      const insertCovered = async (datasets: number, records: number, key: string, value: string) => {
        const { rows } = await database.query<{ dataset_id: string }>(
          `INSERT INTO projection.datasets (dataset_id, identity_pool_id, identity_id, dataset_name, last_modified_ms,
             sync_count, removed_ms, removed_sync_count, projected_at)
           SELECT md5('d' || n)::uuid, $1, $2, 'd' || n, 9, 9, 9, 9, now() FROM generate_series(1, ${datasets}) AS n
           RETURNING dataset_id`,
          [POOL, IDENTITY],
        );
        await database.query(
          `INSERT INTO projection.records (dataset_id, record_id, record_key, record_value, last_modified_ms, sync_count, projected_at)
           SELECT dataset_id, md5(n::text)::uuid, ${key}, ${value}, 1, 1, now()
           FROM projection.datasets, generate_series(1, ${records}) AS n`,
        );
        return rows.map((row) => row.dataset_id);
      };
      const countLeft = async () =>
        (
          await database.query<{ n: number }>(
            'SELECT count(*) AS n FROM projection.records WHERE record_value IS NOT NULL',
          )
        ).rows[0]?.n;

      it('erases records with long keys', async () => {
        const ids = await insertCovered(2, 1_300, "n || repeat('🔑', 1020)", "'x'");
        expect(await eraseCovered(database, ids)).toBe(2_600);
        expect(await countLeft()).toBe(0);
      });

      it('erases long values in several statements', async () => {
        const ids = await insertCovered(15, 1, "'key'", "repeat('x', 900000)");
        const erased: number[] = [];
        const counting: Database = {
          ...database,
          async query<Row>(sql: string, values?: readonly SqlValue[]) {
            const result = await database.query<Row>(sql, values);
            erased.push(result.rowsChanged);
            return result;
          },
        };
        expect(await eraseCovered(counting, ids)).toBe(15);
        expect(erased).toEqual([4, 4, 4, 3, 0]);
        expect(await countLeft()).toBe(0);
      });
    });

    it('erases records with long keys of one dataset in the sync store', async () => {
      const { operations } = createSyncService(database);
      const device = createDevice(operations, { identityId: IDENTITY });
      await device.update(put('a', '1'));
      await database.query(
        `INSERT INTO sync.records (dataset_id, record_id, record_key, record_value, sync_count, last_modified_ms, last_modified_by)
       SELECT dataset_id, md5('k' || n)::uuid, lpad(n::text, 5, '0') || repeat('€', 1019), NULL, 1, 0, 'device'
       FROM sync.datasets, generate_series(1, 4000) AS n`,
      );
      await database.query('UPDATE sync.datasets SET row_count = 4001, key_bytes = 12000000');
      await device.remove();
      expect(await countIn('records')).toBe(0);
    });
  },
);

describe('the removal of devices', () => {
  let database: Database;
  beforeAll(async () => {
    database = await openDatabase();
    await database.query(
      'INSERT INTO sync.subscriptions SELECT gen_random_uuid(), gen_random_uuid(), 0 FROM generate_series(1, 20000)',
    );
    await database.query(
      `INSERT INTO sync.devices SELECT gen_random_uuid(), gen_random_uuid(), $1, $2, 'GCM', 'e', 0 FROM generate_series(1, 50)`,
      [POOL, IDENTITY],
    );
    await database.query('ANALYZE sync.subscriptions, sync.devices');
  });
  afterAll(() => database.close());

  it.each([
    ['subscriptions of a pool', REMOVE_SUBSCRIPTIONS_OF_DEVICES, [POOL]],
    ['devices of a pool', REMOVE_DEVICES, [POOL]],
    [
      'subscriptions of an identity',
      REMOVE_SUBSCRIPTIONS_OF_IDENTITY,
      [identityIdHash(IDENTITY), POOL, IDENTITY],
    ],
    ['devices of an identity', REMOVE_DEVICES_OF_IDENTITY, [identityIdHash(IDENTITY), POOL, IDENTITY]],
  ])('finds subscriptions by device, without reading all of them: %s', async (_, sql, values) => {
    const { rows } = await database.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${sql}`, values);
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('subscriptions_by_device');
    expect(plan).not.toContain('Seq Scan on subscriptions');
  });
});
