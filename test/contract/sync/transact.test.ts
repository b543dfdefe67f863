import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, DatabaseError } from '../../../lib/database/database.ts';
import { DEFAULT_LIMITS } from '../../../lib/sync/limits.ts';
import { createOutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { createPoolStore } from '../../../lib/sync/store/pool-store.ts';
import { createPushStore } from '../../../lib/sync/store/push-store.ts';
import { transact } from '../../../lib/sync/store/transact.ts';
import { createPostgresDatabase, SERVERS } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { type CommitFault, openDsqlServer } from '../../fixtures/database/dsql-server.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

const COUNT_RECEIPTS = 'SELECT count(*) AS n FROM sync.receipts';

describe("transactions under Aurora DSQL's rules", () => {
  let connectionString: string;
  let database: Database;
  /** The faults of the next commits. After the last fault, commits succeed. */
  let faults: (CommitFault | null)[];
  let work: number;

  beforeAll(async () => {
    connectionString = await createPostgresDatabase();
  });
  beforeEach(async () => {
    faults = [];
    work = 0;
    database = openDsqlServer({ connectionString, fault: () => faults.shift() ?? null });
    const tables = [
      'receipts',
      'spent_tokens',
      'datasets',
      'records',
      'outbox',
      'outbox_leases',
      'pool_usage',
    ];
    await deleteRows(
      database,
      tables.map((table) => `sync.${table}`),
    );
    await createPool(database);
  });
  afterEach(() => database.close());

  const write = (on = database) =>
    transact(on, async (transaction) => {
      work += 1;
      await transaction.query('INSERT INTO sync.spent_tokens VALUES ($1, $2, $3)', [
        randomUUID(),
        work,
        randomUUID(),
      ]);
      return work;
    });
  const written = async () =>
    (await database.query<{ n: number }>('SELECT expires_ms AS n FROM sync.spent_tokens')).rows.map(
      ({ n }) => n,
    );
  const countIn = async (sql: string) => (await database.query<{ n: number }>(sql)).rows[0]?.n;

  it('returns the result of a transaction whose commit was not answered, without a second run', async () => {
    faults = ['lost'];
    expect(await write()).toBe(1);
    expect([work, await written()]).toEqual([1, [1]]);
  });

  it('runs a transaction again if the connection breaks before the commit', async () => {
    faults = ['closed'];
    expect(await write()).toBe(2);
    expect(await written()).toEqual([2]);
  });

  it('runs a transaction again even if the answer to the query for its receipt (its proof of commit) is lost as well', async () => {
    faults = ['closed', 'lost'];
    expect(await write()).toBe(2);
    expect([faults, await written()]).toEqual([[], [2]]);
  });

  it.each([
    ['new', 0],
    ['expired', 1],
  ])('counts one attempt even if the answer to an outbox claim is lost: %s lease', async (_, before) => {
    await createDevice(createSyncService(database).operations).update(put('a', '1'));
    const outbox = createOutboxStore(database);
    for (let claims = 0; claims < before; claims += 1) await outbox.claim(10, 0);
    faults = ['lost'];
    expect(await outbox.claim(10, 60_000)).toMatchObject([{ attempts: before + 1 }]);
    expect(faults).toEqual([]);
    expect(await outbox.claim(10, 60_000)).toEqual([]);
  });

  it('returns the result of a single statement whose answer was lost', async () => {
    const devices = createPushStore(database);
    const identity = { identityPoolId: POOL, identityId: `us-east-1:${randomUUID()}` };
    const registration = { ...identity, platform: 'GCM' as const, token: 'token' };
    const deviceId = await devices.register(registration, 'endpoint', { at: 1, maxDevices: 9 });
    const dataset = { ...identity, datasetName: 'game' };
    await devices.subscribe(dataset, deviceId, 1);
    faults = ['lost'];
    expect(await devices.unsubscribe(dataset, deviceId)).toBe(true);
    faults = ['lost'];
    const pool = { syncTrigger: null, streams: null, pushSync: null };
    expect(
      await createPoolStore(database).createPool({ ...pool, identityPoolId: `us-east-1:${randomUUID()}` }, 1),
    ).toBe('made');
    expect(faults).toEqual([]);
  });

  it('runs a transaction again after a conflict, but only a limited number of times', async () => {
    const limited = openDsqlServer({ connectionString, fault: () => faults.shift() ?? null, attempts: 3 });
    faults = ['conflict', 'conflict'];
    expect(await write(limited)).toBe(3);
    faults = ['conflict', 'conflict', 'conflict'];
    await expect(write(limited)).rejects.toMatchObject({ code: '40001' });
    expect([work, await written()]).toEqual([6, [3]]);
    await limited.close();
  });

  it('gives up if the connection breaks each time, and writes nothing', async () => {
    // After each broken connection, the statement that looks for the receipt succeeds.
    faults = ['closed', null, 'closed', null, 'closed'];
    await expect(write()).rejects.toBeInstanceOf(DatabaseError);
    expect([work, await written()]).toEqual([3, []]);
  });

  it('runs a transaction whose connection breaks before COMMIT only three times, which is the driver’s limit', async () => {
    const broken = transact(database, async (transaction) => {
      work += 1;
      await transaction.query('/* test */ SELECT pg_terminate_backend(pg_backend_pid())');
    });
    await expect(broken).rejects.toBeInstanceOf(DatabaseError);
    expect(work).toBe(3);
  });

  describe('that time out', () => {
    let hasty: Database;
    beforeEach(() => {
      const fault = () => faults.shift() ?? null;
      hasty = openDsqlServer({ connectionString, fault, statementTimeoutMs: 1_000 });
    });
    afterEach(() => hasty.close());

    it('do not run again, because they would take as long again', async () => {
      const slow = transact(hasty, async (transaction) => {
        work += 1;
        await transaction.query('/* test */ SELECT pg_sleep(5)');
        return work;
      });
      await expect(slow).rejects.toMatchObject({ code: '57014' });
      expect(work).toBe(1);
    });

    it('return their result if they were committed', async () => {
      faults = ['silent'];
      expect(await write(hasty)).toBe(1);
      expect([work, await written()]).toEqual([1, [1]]);
    });
  });

  it('returns the result of a commit whose answer was lost, although another transaction has changed the data since', async () => {
    faults = ['lost'];
    const { operations } = createSyncService(database);
    const device = createDevice(operations);
    await device.update(put('a', '1'));
    await device.update(put('a', '2', 1));
    const { Records } = await device.list();
    expect(Records).toMatchObject([{ Key: 'a', Value: '2', SyncCount: 2 }]);
  });

  it('leaves a receipt (a row that proves the commit) for each transaction that wrote, and none for the others', async () => {
    const before = (await countIn(COUNT_RECEIPTS)) ?? 0;
    await write();
    await transact(database, async () => null);
    expect(await countIn(COUNT_RECEIPTS)).toBe(before + 1);
  });

  it('acknowledges each change once, regardless of what happens to its commit', async () => {
    const device = createDevice(createSyncService(database).operations);
    const each: (CommitFault | null)[] = [null, 'conflict', 'lost', 'conflict', 'closed', 'lost'];
    for (let count = 0; count < 12; count += 1) {
      faults = each.slice(count % each.length, (count % each.length) + 2);
      const { Records } = await device.update(put('k', `${count}`, count));
      expect(Records).toMatchObject([{ SyncCount: count + 1 }]);
    }
    expect(await countIn('SELECT count(*) AS n FROM sync.outbox')).toBe(12);
  });

  describe('with two instances of the service', () => {
    // Each instance has its own connections.
    let other: Database;
    beforeEach(() => {
      let commits = 0;
      other = openDsqlServer({ connectionString, fault: () => (++commits % 2 === 0 ? 'conflict' : null) });
    });
    afterEach(() => other.close());
    const services = () => [database, other].map((each) => createSyncService(each).operations);

    it('serializes concurrent changes of one dataset', async () => {
      const identityId = `us-east-1:${randomUUID()}`;
      const devices = services().map((operations) => createDevice(operations, { identityId }));
      const all = Array.from({ length: 10 }, async (_, index) => {
        const { Records } = (await devices[index % 2]?.update(put(`key ${index}`, 'x'))) ?? {};
        return Records?.[0]?.SyncCount ?? 0;
      });
      const counts = (await Promise.all(all)).toSorted((a, b) => a - b);
      expect(counts).toEqual(counts.map((_, index) => index + 1));
      const { Dataset } = (await devices[0]?.describe()) ?? {};
      expect(Dataset).toMatchObject({ NumRecords: 10 });
    });

    it('never exceeds the number of datasets of an identity', async () => {
      const identityId = `us-east-1:${randomUUID()}`;
      const instances = services();
      const create = (index: number) => {
        const operations = instances[index % 2];
        if (!operations) throw new Error('there are two instances');
        return createDevice(operations, { identityId, datasetName: `d${index}` }).update(put('k', 'v'));
      };
      const last = DEFAULT_LIMITS.datasetsPerIdentity;
      for (let index = 4; index < last; index += 1) await create(index);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 10 }, (_, index) => create(last + index)),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
      expect(
        outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : [])),
      ).toEqual(Array.from({ length: 6 }, () => 'LimitExceededException'));
    });

    it('keeps the sums of a pool correct', async () => {
      const instances = services();
      const all = Array.from({ length: 20 }, (_, index) => {
        const operations = instances[index % 2];
        if (!operations) throw new Error('there are two instances');
        return createDevice(operations, { datasetName: `d${index}` }).update(put('key', 'four'));
      });
      await Promise.all(all);
      const sums = 'SELECT sum(data_storage)::bigint AS n FROM sync.pool_usage';
      const datasets = 'SELECT sum(data_storage)::bigint AS n FROM sync.datasets';
      expect(await countIn(sums)).toBe(await countIn(datasets));
    });
  });
});

describe.each(SERVERS)('a transaction on $name', ({ open }) => {
  it('leaves a receipt (a row that proves the commit) only on Aurora DSQL', async () => {
    const database = await open();
    await transact(database, (transaction) => transaction.query('SELECT 1'));
    const { rows } = await database.query<{ n: number }>(COUNT_RECEIPTS);
    expect(rows[0]?.n).toBe(database.dialect === 'dsql' ? 1 : 0);
    await database.close();
  });
});
