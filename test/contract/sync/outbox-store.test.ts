import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createOutboxStore, type OutboxStore } from '../../../lib/sync/store/outbox-store.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { insertOutboxRow, letLeasesAge } from '../../fixtures/database/outbox-rows.ts';
import { NEW_YEAR } from '../../fixtures/sync/stream-events.ts';

const LEASE_MS = 60_000;

describe.each(SERVICE_DATABASES)('the outbox on $name', ({ open }) => {
  let database: Database;
  let outbox: OutboxStore;

  beforeAll(async () => {
    database = await open();
    outbox = createOutboxStore(database);
  });
  afterAll(() => database.close());
  beforeEach(() => deleteRows(database, ['sync.outbox', 'sync.outbox_leases']));

  /** Inserts rows a millisecond apart, oldest first. By default the event of a row is its number. */
  async function fill(count: number, event = (index: number) => String(index)): Promise<string[]> {
    const ids: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const createdAt = new Date(NEW_YEAR + index);
      ids.push(await insertOutboxRow(database, { createdAt, event: event(index) }));
    }
    return ids;
  }
  const claimIds = async (limit: number, leaseMs = LEASE_MS) =>
    (await outbox.claim(limit, leaseMs)).map(({ outboxId }) => outboxId);

  it('claims a row again if the clock was set back since the row was claimed', async () => {
    const [first = ''] = await fill(2);
    await claimIds(2);
    expect(await claimIds(2)).toEqual([]);
    const setBack =
      "UPDATE sync.outbox_leases SET leased_until = leased_until + interval '1 day' WHERE outbox_id = $1";
    await database.query(setBack, [first]);
    expect(await claimIds(2)).toEqual([first]);
  });

  it('returns the oldest rows first, each complete and only once', async () => {
    const text = 'ключ \u{1F511} "quoted" \\ and\nlines';
    await insertOutboxRow(database, { createdAt: new Date(NEW_YEAR + 10), event: 'younger' });
    const outboxId = await insertOutboxRow(database, {
      createdAt: new Date(NEW_YEAR),
      partitionKey: 'us-east-1:player',
      event: text,
    });
    expect(await outbox.claim(1, LEASE_MS)).toEqual([
      {
        outboxId,
        streamName: null,
        partitionKey: 'us-east-1:player',
        event: text,
        attempts: 1,
        rejections: 0,
      },
    ]);
    expect((await outbox.claim(10, LEASE_MS)).map(({ event }) => event)).toEqual(['younger']);
    expect(await outbox.claim(10, LEASE_MS)).toEqual([]);
  });

  it('keeps the order of rows within one millisecond', async () => {
    const ids = await fill(20);
    await database.query(
      `UPDATE sync.outbox SET created_at = timestamptz '2026-01-01' + (20 - event::integer) * interval '1 microsecond'`,
    );
    expect(await claimIds(20)).toEqual(ids.reverse());
  });

  it('returns a row again after its lease has expired, and counts the attempts', async () => {
    const [id = ''] = await fill(1);
    expect(await claimIds(1)).toEqual([id]);
    await letLeasesAge(database, LEASE_MS - 10_000);
    expect(await claimIds(1)).toEqual([]);
    await letLeasesAge(database, 10_000);
    expect(await outbox.claim(1, LEASE_MS)).toMatchObject([{ outboxId: id, attempts: 2 }]);
  });

  it('claims and postpones rows without updating them, because an update would copy the event', async () => {
    const [outboxId = ''] = await fill(3);
    const versions = async () =>
      (await database.query('SELECT outbox_id, ctid::text FROM sync.outbox ORDER BY outbox_id')).rows;
    const before = await versions();
    await outbox.claim(3, 0);
    await outbox.claim(3, LEASE_MS);
    await outbox.postpone([{ outboxId, attempts: 2, delayMs: 20_000 }]);
    expect(await versions()).toEqual(before);
  });

  it('leaves no lease of a removed or parked row', async () => {
    const [removed = '', parked = ''] = await fill(3);
    await outbox.claim(2, LEASE_MS);
    await outbox.remove([removed]);
    await outbox.park(parked, 'ValidationException, 1 rejections');
    expect((await database.query('SELECT outbox_id FROM sync.outbox_leases')).rows).toEqual([]);
  });

  it('returns how often a row was rejected, until the operator resets their number', async () => {
    const [rejected = '', other = ''] = await fill(2);
    const rejectionsOf = async () =>
      Object.fromEntries((await outbox.claim(2, 0)).map((row) => [row.outboxId, row.rejections]));
    expect(await rejectionsOf()).toEqual({ [rejected]: 0, [other]: 0 });
    await outbox.countRejection([{ outboxId: rejected, rejections: 0 }]);
    expect(await rejectionsOf()).toEqual({ [rejected]: 1, [other]: 0 });
    await outbox.countRejection([{ outboxId: rejected, rejections: 1 }]);
    expect(await outbox.claimOne(rejected, 0)).toMatchObject({ rejections: 2 });
    await outbox.park(rejected, 'ValidationException, 3 rejections');
    await database.query('UPDATE sync.outbox SET parked_reason = NULL');
    expect(await rejectionsOf()).toEqual({ [rejected]: 2, [other]: 0 });
    await database.query('UPDATE sync.outbox SET attempts = 0');
    expect(await rejectionsOf()).toEqual({ [rejected]: 0, [other]: 0 });
  });

  it('does not return a row that an older version of the service has leased', async () => {
    await fill(1);
    await database.query("UPDATE sync.outbox SET leased_until = now() + interval '1 minute'");
    expect(await claimIds(1)).toEqual([]);
    await database.query("UPDATE sync.outbox SET leased_until = now() - interval '1 minute', attempts = 4");
    expect(await outbox.claim(1, LEASE_MS)).toMatchObject([{ attempts: 5 }]);
  });

  it('removes rows and ignores unknown ids', async () => {
    const [first = '', second = '', third = ''] = await fill(3);
    await outbox.remove([first, third]);
    await outbox.remove([third, crypto.randomUUID()]);
    await outbox.remove([]);
    expect(await claimIds(3)).toEqual([second]);
  });

  it('returns each postponed row after its own delay', async () => {
    const [quick = '', slow = '', free = ''] = await fill(3);
    await outbox.claim(2, LEASE_MS);
    await outbox.postpone([
      { outboxId: quick, attempts: 1, delayMs: 20_000 },
      { outboxId: slow, attempts: 1, delayMs: 200_000 },
    ]);
    expect(await claimIds(3)).toEqual([free]);
    await letLeasesAge(database, 20_000);
    expect(await claimIds(3)).toEqual([quick]);
    expect(await outbox.count()).toEqual({ waiting: 3, parked: 0 });
  });

  it('keeps the lease of a later claim if an earlier claim is postponed', async () => {
    const [outboxId = ''] = await fill(1);
    await outbox.claim(1, LEASE_MS);
    await letLeasesAge(database, LEASE_MS);
    await outbox.claim(1, LEASE_MS);
    await outbox.postpone([{ outboxId, attempts: 1, delayMs: 0 }]);
    expect(await claimIds(1)).toEqual([]);
    await outbox.postpone([{ outboxId, attempts: 2, delayMs: 0 }]);
    expect(await claimIds(1)).toEqual([outboxId]);
  });

  it('never returns a row that is parked after permanent failures, and stores the reason', async () => {
    const [bad = '', good = ''] = await fill(2);
    await outbox.claim(1, 0);
    await outbox.park(bad, 'ValidationException, 5 rejections');
    expect(await claimIds(2)).toEqual([good]);
    expect(await outbox.count()).toEqual({ waiting: 1, parked: 1 });
    const { rows } = await database.query('SELECT parked_reason FROM sync.outbox WHERE outbox_id = $1', [
      bad,
    ]);
    expect(rows).toEqual([{ parked_reason: 'ValidationException, 5 rejections' }]);
  });

  it('returns the rows of one stream, or of all streams except given streams', async () => {
    for (const streamName of ['a', undefined, 'b', 'a', 'c']) {
      await insertOutboxRow(database, streamName === undefined ? {} : { streamName });
    }
    const streams = (rows: { streamName: string | null }[]) => rows.map(({ streamName }) => streamName);
    expect(streams(await outbox.claim(10, 0, { only: 'a' }))).toEqual(['a', 'a']);
    expect(streams(await outbox.claim(1, 0, { only: 'b' }))).toEqual(['b']);
    expect(streams(await outbox.claim(10, 0, { only: null }))).toEqual([null]);
    expect(streams(await outbox.claim(10, 0, { only: 'd' }))).toEqual([]);
    expect(streams(await outbox.claim(10, 0, { allBut: ['a', null] })).toSorted()).toEqual(['b', 'c']);
    expect(streams(await outbox.claim(10, 0, { allBut: ['a', 'b', 'c', 'd'] }))).toEqual([null]);
    expect(await outbox.claim(10, 0)).toHaveLength(5);
  });

  it('returns nothing if it is empty', async () => {
    expect(await outbox.claim(500, LEASE_MS)).toEqual([]);
    expect(await outbox.count()).toEqual({ waiting: 0, parked: 0 });
  });

  it('returns at most 4 MiB per claim, but at least one row', async () => {
    // Uses characters of two bytes, because the limit counts bytes, not characters.
    const [first, second, third, fourth] = await fill(4, (index) =>
      'é'.repeat(index === 0 ? 2_500_000 : 900_000),
    );
    expect(await claimIds(500)).toEqual([first]);
    expect(await claimIds(500)).toEqual([second, third]);
    expect(await claimIds(500)).toEqual([fourth]);
  });

  it('returns each row to exactly one of eight concurrent claimers', async () => {
    await database.query(
      `INSERT INTO sync.outbox (outbox_id, partition_key, event, created_at, attempts)
       SELECT gen_random_uuid(), 'identity', '{}', now() - place * interval '1 millisecond', 0
       FROM generate_series(1, 2000) AS place`,
    );
    const claimed: string[] = [];
    const claimAll = async () => {
      for (;;) {
        const ids = await claimIds(50);
        claimed.push(...ids);
        if (ids.length === 0 && claimed.length >= 2000) return;
      }
    };
    await Promise.all(Array.from({ length: 8 }, claimAll));
    expect(claimed).toHaveLength(2000);
    expect(new Set(claimed).size).toBe(2000);
  });
});
