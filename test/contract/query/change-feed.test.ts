import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type Database, DatabaseError, type Transaction } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../../lib/database/schema/migrate.ts';
import type { DatasetChange } from '../../../lib/projection/fold-events.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import type { PageRequest, QueryPage, RecordChange } from '../../../lib/query/model.ts';
import { createQueryReader } from '../../../lib/query/store/query-reader.ts';
import { createPostgresDatabase, DSQL, POSTGRESQL } from '../../fixtures/database/databases.ts';
import { startPostgresServer } from '../../fixtures/database/postgres-server.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

/** Returns a change of one record, whose key and dataset belong to no other change. */
function change(recordKey: string): DatasetChange {
  const version = { lastModifiedDate: NEW_YEAR, syncCount: 1 };
  return {
    dataset: { identityPoolId: 'pool', identityId: `identity-${recordKey}`, datasetName: 'game' },
    version,
    removal: null,
    records: [{ key: recordKey, value: 'v', version, deviceLastModifiedDate: null }],
  };
}

const write = (database: Database, recordKey: string) =>
  createQueryStore(database).apply([change(recordKey)]);

/** Writes in a transaction that commits after `beforeCommit`. */
const writeSlowly = (database: Database, recordKey: string, beforeCommit: () => Promise<unknown>) =>
  database.transaction(async (transaction) => {
    await write({ ...database, ...transaction, transaction: (work) => work(transaction) }, recordKey);
    await beforeCommit();
  });

/** Adds a record to the dataset of the only record, as a writer does whose lock the feed does not see. */
const insertWithoutLock = (on: Transaction, recordKey: string, projectedAt: string) =>
  on.query(
    `INSERT INTO projection.records
     SELECT dataset_id, md5($1)::uuid, $1, record_value, numeric_value, last_modified_ms, sync_count,
       device_last_modified_ms, ${projectedAt}
     FROM projection.records`,
    [recordKey],
  );

const readFrom = (database: Database, after: PageRequest['after'], limit = 100) =>
  createQueryReader(database).changes(null, { limit, after });
const keysOf = ({ items }: QueryPage<RecordChange>) => items.map(({ recordKey }) => recordKey);

describe('the change feed on PostgreSQL', () => {
  it('ends before the changes of a transaction that still writes', async () => {
    const database = await POSTGRESQL.openOwn();
    await write(database, 'before');
    let page = await readFrom(database, null);
    expect(keysOf(page)).toEqual(['before']);
    await writeSlowly(database, 'slow', async () => {
      await write(database, 'after');
      page = await readFrom(database, page.next);
      expect(keysOf(page)).toEqual([]);
    });
    page = await readFrom(database, page.next);
    expect(keysOf(page)).toEqual(['slow', 'after']);
    await database.close();
  });

  it('ends before the changes of a removal that is not yet committed', async () => {
    const database = await POSTGRESQL.openOwn();
    await write(database, 'removed');
    const start = await readFrom(database, null);
    const { dataset } = change('removed');
    const version = { lastModifiedDate: NEW_YEAR, syncCount: 2 };
    const removal = { dataset, version, removal: version, records: [] };
    await database.transaction(async (transaction) => {
      const store = createQueryStore({
        ...database,
        ...transaction,
        transaction: (work) => work(transaction),
      });
      await store.apply([removal]);
      await write(database, 'after');
      expect(keysOf(await readFrom(database, start.next))).toEqual([]);
    });
    const { items } = await readFrom(database, start.next);
    expect(items).toMatchObject([
      { recordKey: 'removed', recordValue: null },
      { recordKey: 'after', recordValue: 'v' },
    ]);
    await database.close();
  });

  it('skips no change of slow transactions, regardless of the order in which they commit', async () => {
    const connectionString = await createPostgresDatabase();
    const [writers, reader] = [openPg({ connectionString, maxConnections: 6 }), openPg({ connectionString })];
    const written = Array.from({ length: 180 }, (_, index) => `k${index}`);
    const found: string[] = [];
    let after: PageRequest['after'] = null;
    const read = async () => {
      const page: QueryPage<RecordChange> = await readFrom(reader, after, 7);
      after = page.next;
      found.push(...keysOf(page));
      return page.items.length;
    };
    let isWriting = true;
    const reading = (async () => {
      while (isWriting) await read();
    })();
    await Promise.all(
      written.map((key, index) => writeSlowly(writers, key, () => sleep((index * 7_919) % 31))),
    );
    isWriting = false;
    await reading;
    while ((await read()) > 0);
    expect(found.toSorted()).toEqual(written.toSorted());
    await Promise.all([writers.close(), reader.close()]);
  });

  it('shows the changes of a transaction that takes longer than any timeout', async () => {
    const database = await POSTGRESQL.openOwn();
    const started = "now() - interval '6 minutes'";
    await write(database, 'before');
    await database.query(`UPDATE projection.records SET projected_at = ${started} - interval '1 hour'`);
    let page = await readFrom(database, null);
    await database.transaction(async (transaction) => {
      await transaction.query(
        `SELECT pg_advisory_xact_lock_shared((17235::bigint << 48) | (extract(epoch FROM ${started}) * 1000)::bigint)`,
      );
      await insertWithoutLock(transaction, 'slow', started);
      await write(database, 'after');
      page = await readFrom(database, page.next);
      expect(keysOf(page)).toEqual([]);
    });
    expect(keysOf(await readFrom(database, page.next))).toEqual(['slow', 'after']);
    await database.close();
  });

  it('shows a change that becomes visible late, if it is newer than the changes that were read', async () => {
    const database = await POSTGRESQL.openOwn();
    await write(database, 'before');
    let page: QueryPage<RecordChange> = { items: [], next: null };
    await database.transaction(async (transaction) => {
      await insertWithoutLock(transaction, 'late', 'clock_timestamp()');
      page = await readFrom(database, null);
      expect(keysOf(page)).toEqual(['before']);
    });
    page = await readFrom(database, page.next);
    expect(keysOf(page)).toEqual(['late']);
    expect(keysOf(await readFrom(database, page.next))).toEqual([]);
    await database.close();
  });

  it('ignores a lock that is more than a day old, because another program holds it', async () => {
    const database = await POSTGRESQL.openOwn();
    await database.transaction(async (transaction) => {
      await transaction.query('SELECT pg_advisory_xact_lock_shared(17235::bigint << 48)');
      await write(database, 'a');
      expect(keysOf(await readFrom(database, null))).toEqual(['a']);
    });
    await database.close();
  });

  it('reports that changes can be missing if a position is later than the clock', async () => {
    const database = await POSTGRESQL.openOwn();
    await write(database, 'before');
    const { next } = await readFrom(database, null);
    expect(await readFrom(database, next)).toEqual({ items: [], next });
    const later = new Date(Date.now() + 60_000).toISOString();
    await expect(readFrom(database, next && [later, ...next.slice(1)])).rejects.toMatchObject({
      reason: 'clock-set-back',
      message: expect.stringContaining('start again without a cursor'),
    });
    await database.close();
  });

  it('continues after a `since` in the future', async () => {
    const database = await POSTGRESQL.openOwn();
    await write(database, 'before');
    const since = new Date(Date.now() + 60_000);
    const page = await createQueryReader(database).changes(since, { limit: 100, after: null });
    expect(keysOf(page)).toEqual([]);
    await write(database, 'after');
    expect(keysOf(await readFrom(database, page.next))).toEqual(['after']);
    await database.close();
  });

  it('needs only the rights of query_reader', async () => {
    const connectionString = await createPostgresDatabase();
    const owner = openPg({ connectionString });
    const role = `reader_${randomUUID().replaceAll('-', '_')}`;
    await owner.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader' IN ROLE query_reader`);
    const reader = openPg({
      connectionString: Object.assign(new URL(connectionString), { username: role, password: 'reader' }).href,
    });
    await write(owner, 'before');
    expect(keysOf(await readFrom(reader, null))).toEqual(['before']);
    await writeSlowly(owner, 'slow', async () => {
      await write(owner, 'after');
      expect(keysOf(await readFrom(reader, null))).toEqual(['before']);
    });
    expect(keysOf(await readFrom(reader, null))).toEqual(['before', 'slow', 'after']);
    await reader.close();
    await owner.query(`DROP ROLE ${role}`);
    await owner.close();
  });
});

/** Starts a standby server whose last replayed transaction is the last one of `fill`. */
async function startStandby(fill: (primary: Database) => Promise<unknown>) {
  const server = await startPostgresServer();
  const primary = openPg({ connectionString: server.url });
  await migrate(primary);
  await fill(primary);
  // With this file, the server starts as a standby server. Source: PostgreSQL manual, "Standby Server Operation".
  const { rows } = await primary.query<{ data_directory: string }>('SHOW data_directory');
  await primary.query(`COPY (SELECT) TO '${rows[0]?.data_directory}/standby.signal'`);
  await primary.close();
  await server.kill();
  await server.start();
  const database = openPg({ connectionString: server.url });
  return {
    database,
    async close() {
      await database.close();
      await server.close();
    },
  };
}

/** Sets the time of all changes written so far to more than five minutes ago, the longest time of a transaction. */
const letChangesAge = (database: Database) =>
  database.query("UPDATE projection.records SET projected_at = now() - interval '301 seconds'");

describe('the change feed on a standby server of PostgreSQL', () => {
  it('returns a change only when no older transaction of the primary server can still write', async () => {
    const standby = await startStandby(async (primary) => {
      await write(primary, 'old');
      await letChangesAge(primary);
      await write(primary, 'new');
    });
    expect(keysOf(await readFrom(standby.database, null))).toEqual(['old']);
    await standby.close();
  });

  it('skips no change if the connections are distributed over the primary server and the standby server', async () => {
    const primary = await POSTGRESQL.openOwn();
    const writeTo = async (database: Database, keys: readonly string[]) => {
      await write(database, 'old');
      await letChangesAge(database);
      for (const key of keys) await write(database, key);
    };
    await writeTo(primary, ['late', 'new']);
    // The change `late` is in a transaction that the standby server replays after that of `new`.
    const standby = await startStandby((database) => writeTo(database, ['new']));
    const servers = [primary, standby.database];
    const distributed: Database = {
      ...primary,
      query: (sql, values) => (servers.shift() ?? primary).query(sql, values),
    };
    const page = await readFrom(distributed, null);
    expect(servers, 'both servers were asked').toEqual([]);
    expect(keysOf(page)).toEqual(['old']);
    expect(keysOf(await readFrom(distributed, page.next))).toEqual(['late', 'new']);
    await primary.close();
    await standby.close();
  });
});

it.each([
  ['all statements run', 0],
  ['only the second statement runs', 1],
])(
  'of a server that cannot tell which changes are complete names the server to use (%s there)',
  async (_, onPrimary) => {
    const primary = await POSTGRESQL.openOwn();
    // A double, because no reader of Aurora PostgreSQL can run here.
    const message = 'Function pg_last_xact_replay_timestamp() is currently not supported for Aurora';
    let statements = 0;
    const reader: Database = {
      ...primary,
      query: (sql, values) => {
        statements += 1;
        if (statements <= onPrimary) return primary.query(sql, values);
        return Promise.reject(new DatabaseError(message, '0A000'));
      },
    };
    await expect(readFrom(reader, null)).rejects.toMatchObject({
      reason: 'unsupported-server',
      message: expect.stringContaining('connect to the primary server'),
    });
    await primary.close();
  },
);

describe("the change feed under Aurora DSQL's rules", () => {
  it('returns a change only when no older transaction can still write', async () => {
    const database = await DSQL.openOwn();
    await write(database, 'old');
    await database.query("UPDATE projection.records SET projected_at = now() - interval '301 seconds'");
    await write(database, 'new');
    expect(keysOf(await readFrom(database, null))).toEqual(['old']);
    await database.close();
  });
});
