import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { READ_SNAPSHOT } from '../../../lib/sync/store/sync-statements.ts';
import { WRITE_AT_VERSION } from '../../../lib/sync/store/versioned-update-statements.ts';
import { createPostgresDatabase } from '../../fixtures/database/databases.ts';
import { readOutboxEvents } from '../../fixtures/database/outbox-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

describe('an update on PostgreSQL that waits for another update of the same version', () => {
  let first: Database;
  let second: Database;
  let device: ReturnType<typeof createDevice>;
  /** The statements of the update that waits. */
  let statements: string[];

  beforeAll(async () => {
    const connectionString = await createPostgresDatabase();
    first = openPg({ connectionString });
    second = openPg({ connectionString });
    await createPool(first);
  });
  afterAll(() => Promise.all([first.close(), second.close()]));
  beforeEach(async () => {
    device = createDevice(createSyncService(first).operations);
    await device.update(put('a', '1'));
  });

  const on = (database: Database) =>
    createDevice(createSyncService(database).operations, { identityId: device.identity.IdentityId });

  /** Updates `a` in a transaction that stays open until `other` waits for its lock on the row of the dataset. */
  async function whileLocked(token: string, end: 'commits' | 'rolls back', other: () => Promise<unknown>) {
    const written = Promise.withResolvers<void>();
    const isWaiting = Promise.withResolvers<void>();
    const holding: Database = {
      ...first,
      query: (sql, values) =>
        sql !== WRITE_AT_VERSION
          ? first.query(sql, values)
          : first.transaction(async (transaction) => {
              const result = await transaction.query<never>(sql, values);
              written.resolve();
              await isWaiting.promise;
              if (end === 'rolls back') throw new Error('rolled back');
              return result;
            }),
    };
    const update = on(holding).updateWith(token, put('a', 'first', 1));
    const outcomes = Promise.allSettled([update, written.promise.then(other)]);
    await written.promise;
    const waiting = `SELECT query FROM pg_stat_activity
      WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    await expect
      .poll(async () => (await first.query(waiting)).rows, { timeout: 20_000 })
      .toEqual([{ query: expect.stringContaining('UPDATE sync.datasets AS stored') }]);
    isWaiting.resolve();
    const [{ status }, outcome] = await outcomes;
    expect(status).toBe(end === 'commits' ? 'fulfilled' : 'rejected');
    return outcome;
  }

  function recorded(): Database {
    statements = [];
    return {
      ...second,
      query(sql, values) {
        statements.push(sql);
        return second.query(sql, values);
      },
    };
  }

  /** Returns the values of the dataset, whose sync count must be `count`. Checks its sizes and its events too. */
  async function valuesAt(count: number): Promise<Record<string, string | null>> {
    const { Records, DatasetSyncCount } = await device.list();
    expect(DatasetSyncCount).toBe(count);
    const values = Object.fromEntries(Records.map(({ Key, Value }) => [Key, Value]));
    expect((await device.describe()).Dataset).toMatchObject({
      NumRecords: Records.length,
      DataStorage: Object.entries(values).flat().join('').length,
    });
    const events = await readOutboxEvents(first, device.identity.IdentityId);
    expect(events.map(({ syncCount }) => syncCount)).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    );
    return values;
  }

  it('is rejected if both use the same token', async () => {
    const token = await device.token();
    const outcome = await whileLocked(token, 'commits', () =>
      on(recorded()).updateWith(token, put('b', 'second')),
    );
    expect(outcome).toEqual({
      status: 'rejected',
      reason: expect.objectContaining({
        code: 'InvalidParameterException',
        message: 'SyncSessionToken not valid for these inputs',
      }),
    });
    expect(await valuesAt(2)).toEqual({ a: 'first' });
  });

  it('is rejected as a conflict if the other update wrote the same key', async () => {
    const [token, other] = [await device.token(), await device.token()];
    const outcome = await whileLocked(token, 'commits', () =>
      on(recorded()).updateWith(other, put('a', 'second', 1)),
    );
    expect(outcome).toEqual({
      status: 'rejected',
      reason: expect.objectContaining({
        code: 'ResourceConflictException',
        message: 'Current SyncCount for: a is: 2 not: 1',
      }),
    });
    expect(await valuesAt(2)).toEqual({ a: 'first' });
  });

  it('is decided again on the new state if the other update wrote other keys', async () => {
    const [token, other] = [await device.token(), await device.token()];
    const outcome = await whileLocked(token, 'commits', () =>
      on(recorded()).updateWith(other, put('b', 'second')),
    );
    expect(outcome).toMatchObject({ status: 'fulfilled', value: { Records: [{ SyncCount: 3 }] } });
    expect(statements).toContain(READ_SNAPSHOT);
    expect(await valuesAt(3)).toEqual({ a: 'first', b: 'second' });
  });

  it('writes without reading the dataset, even with the same token, if the other update is rolled back', async () => {
    const token = await device.token();
    const outcome = await whileLocked(token, 'rolls back', () =>
      on(recorded()).updateWith(token, put('b', 'second')),
    );
    expect(outcome).toMatchObject({ status: 'fulfilled', value: { Records: [{ SyncCount: 2 }] } });
    expect(statements).toEqual([WRITE_AT_VERSION]);
    expect(await valuesAt(2)).toEqual({ a: '1', b: 'second' });
  });
});
