import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  createSweepQueryStore,
  type SweepQueryStoreFunctionDeps,
} from '../../../functions/sweep-query-store.ts';
import { createLambdaContext } from '../../../infra/local/lambda-context.ts';
import { startQueryStoreSweep } from '../../../infra/local/schedules/query-store-sweep.ts';
import { createLogger } from '../../../lib/aws/telemetry.ts';
import type { DatasetKey } from '../../../lib/common/dataset-key.ts';
import type { Database } from '../../../lib/database/database.ts';
import { datasetId } from '../../../lib/database/row-ids.ts';
import { FIRST_DATASET } from '../../../lib/projection/ports/query-sweep.ts';
import { createQueryStore } from '../../../lib/projection/store/query-store.ts';
import { createQuerySweep } from '../../../lib/projection/store/query-sweep.ts';
import { DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { deliver, IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** The current time. No other time is possible, because the database writes its own time into projected rows. */
const NOW = Date.now();
const TABLES = [
  'datasets',
  'records',
  'quarantine',
  'dated_removals',
  'redriven_objects',
  'erased_identities',
  'gaps',
  'bulk_publishes',
];

const NOTHING = {
  quarantined: 0,
  datedRemovals: 0,
  notes: 0,
  tombstones: 0,
  datasets: 0,
  values: 0,
  strays: 0,
  isCutShort: false,
};

const daysAgo = (days: number) => NOW - days * DAY_MS;
const GAME: DatasetKey = { identityPoolId: POOL, identityId: IDENTITY, datasetName: 'game' };
const at = (elapsed: number) => ({ lastModifiedDate: NEW_YEAR + elapsed, syncCount: elapsed });
const record = (key: string, elapsed: number, value: string | null) => ({
  key,
  value,
  version: at(elapsed),
  deviceLastModifiedDate: null,
});

const newestOf = (removal: number | null, records: ReturnType<typeof record>[]) =>
  at(Math.max(removal ?? 0, ...records.map(({ version }) => version.syncCount)));

describe.each(DATABASES)('the sweep of the query store on $name', ({ open }) => {
  let database: Database;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(
      database,
      TABLES.map((table) => `projection.${table}`),
    );
  });

  const createFunction = (more: Partial<SweepQueryStoreFunctionDeps> = {}) => {
    const handler = createSweepQueryStore({
      sweep: createQuerySweep(database),
      logger: createLogger('sweep-query-store'),
      randomId: randomUUID,
      now: () => NOW,
      ...more,
    });
    return () => handler({}, createLambdaContext('sweep-query-store', 'us-east-1'));
  };
  const sweep = (more?: Partial<SweepQueryStoreFunctionDeps>) => createFunction(more)();
  const write = (
    records: ReturnType<typeof record>[],
    { removal = null, dataset = GAME }: { removal?: number | null; dataset?: DatasetKey } = {},
  ) =>
    createQueryStore(database).apply([
      {
        dataset,
        version: newestOf(removal, records),
        removal: removal === null ? null : at(removal),
        records,
      },
    ]);
  const age = (table: 'datasets' | 'records', days: number) =>
    database.query(`UPDATE projection.${table} SET projected_at = $1`, [new Date(daysAgo(days))]);
  const keys = async () =>
    (
      await database.query<{ record_key: string }>('SELECT record_key FROM projection.records ORDER BY 1')
    ).rows.map((row) => row.record_key);
  const countOf = async (table: string) =>
    (await database.query<{ count: number }>(`SELECT count(*) FROM projection.${table}`)).rows[0]?.count;

  it('removes nothing from an empty store', async () => {
    expect(await sweep()).toEqual(NOTHING);
  });

  it('removes tombstones after 365 days, but no live records', async () => {
    await write([record('a', 1, 'value'), record('b', 1, null)]);
    await age('records', 364);
    expect(await sweep()).toEqual(NOTHING);
    await age('records', 366);
    expect(await sweep()).toEqual({ ...NOTHING, tombstones: 1 });
    expect(await keys()).toEqual(['a']);
  });

  it('removes the row of a removed dataset after 365 days, but not before all its records are gone', async () => {
    await write([record('a', 1, 'value')]);
    await write([], { removal: 2 });
    await age('datasets', 366);
    await age('records', 364);
    expect(await sweep()).toEqual(NOTHING);
    await age('records', 366);
    expect(await sweep()).toEqual({ ...NOTHING, tombstones: 1, datasets: 1 });
    expect(await countOf('datasets')).toBe(0);
  });

  it('keeps a dataset that was recreated, or that was removed less than 365 days ago', async () => {
    await write([record('a', 3, 'value')], { removal: 2 });
    await age('datasets', 366);
    expect(await sweep()).toEqual(NOTHING);
    await write([], { removal: 4 });
    await age('records', 366);
    expect(await sweep()).toEqual({ ...NOTHING, tombstones: 1 });
    expect(await countOf('datasets')).toBe(1);
    await age('datasets', 366);
    expect(await sweep()).toEqual({ ...NOTHING, datasets: 1 });
  });

  it('keeps a recreated dataset whose records are all gone', async () => {
    await write([record('a', 3, null)], { removal: 2 });
    await age('records', 366);
    await age('datasets', 366);
    expect(await sweep()).toEqual({ ...NOTHING, tombstones: 1 });
    expect(await countOf('datasets')).toBe(1);
  });

  it('erases remaining values that are older than the removal of their dataset', async () => {
    await write([record('a', 1, 'value'), record('b', 5, 'newer')], { removal: 2 });
    await database.query("UPDATE projection.records SET record_value = 'left' WHERE record_key = 'a'");
    expect(await sweep()).toEqual({ ...NOTHING, values: 1 });
    const { rows } = await database.query(
      'SELECT record_key, record_value FROM projection.records ORDER BY 1',
    );
    expect(rows).toEqual([
      { record_key: 'a', record_value: null },
      { record_key: 'b', record_value: 'newer' },
    ]);
  });

  it('removes records without a dataset after a day', async () => {
    await write([record('a', 1, 'value')]);
    await database.query('DELETE FROM projection.datasets');
    await age('records', 0);
    expect(await sweep()).toEqual(NOTHING);
    await age('records', 2);
    expect(await sweep()).toEqual({ ...NOTHING, strays: 1 });
  });

  it('removes quarantined events after 90 days, and redriven events after seven days', async () => {
    const quarantine = async (name: string, quarantined: number, redriven: number | null) => {
      const { position, data } = deliver(Buffer.from(name));
      const refused = {
        kind: 'refused' as const,
        position,
        data,
        reason: name,
        identityPoolId: null,
        identityId: null,
      };
      await createQueryStore(database).quarantine([refused]);
      await database.query(
        'UPDATE projection.quarantine SET quarantined_at = $2, redriven_at = $3 WHERE reason = $1',
        [name, new Date(daysAgo(quarantined)), redriven === null ? null : new Date(daysAgo(redriven))],
      );
    };
    await quarantine('old', 91, null);
    await quarantine('waits', 89, null);
    await quarantine('redriven', 50, 8);
    await quarantine('redriven recently', 50, 6);
    expect(await sweep()).toEqual({ ...NOTHING, quarantined: 2 });
    const { rows } = await database.query('SELECT reason FROM projection.quarantine ORDER BY 1');
    expect(rows).toEqual([{ reason: 'redriven recently' }, { reason: 'waits' }]);
  });

  it('removes the versions that were assigned to removals more than 365 days ago', async () => {
    for (const days of [366, 364]) {
      const values = [randomUUID(), new Date(daysAgo(days))];
      await database.query('INSERT INTO projection.dated_removals VALUES ($1, 1, 1, $2)', values);
    }
    expect(await sweep()).toEqual({ ...NOTHING, datedRemovals: 1 });
  });

  it('removes the notes of repaired gaps, redriven objects, erased identities and superseded bulk publishes after 400 days', async () => {
    const insert = (table: string, columns: string, values: (string | number | null)[]) =>
      database.query(
        `INSERT INTO projection.${table} (${columns}) VALUES (${values.map((_, index) => `$${index + 1}`)})`,
        values,
      );
    const gap = (since: number, until: number | null, repaired: number | null) =>
      insert('gaps', 'identity_pool_id, since_ms, cause, until_ms, mended_ms', [
        POOL,
        daysAgo(since),
        'streaming-off',
        until && daysAgo(until),
        repaired && daysAgo(repaired),
      ]);
    const publish = (pool: string, started: number) =>
      insert('bulk_publishes', 'identity_pool_id, started_ms, status, completeness, checked_ms', [
        pool,
        daysAgo(started),
        'SUCCEEDED',
        'projected',
        daysAgo(started),
      ]);
    await gap(500, 450, 401);
    await gap(499, 450, 399);
    await gap(498, 450, null);
    await gap(497, null, null);
    for (const days of [401, 399]) {
      await insert('redriven_objects', 'object_id, redriven_ms', [randomUUID(), daysAgo(days)]);
    }
    for (const days of [401, 399]) {
      await insert('erased_identities', 'identity_row_id, erased_ms', [randomUUID(), daysAgo(days)]);
    }
    await publish('often', 403);
    await publish('often', 402);
    await publish('often', 399);
    await publish('once', 900);
    await publish('twice', 900);
    await publish('twice', 800);

    expect(await sweep()).toEqual({ ...NOTHING, notes: 6 });
    expect(await countOf('erased_identities')).toBe(1);
    expect(await countOf('gaps')).toBe(3);
    expect(await countOf('redriven_objects')).toBe(1);
    const { rows } = await database.query(
      'SELECT identity_pool_id, started_ms FROM projection.bulk_publishes ORDER BY 1',
    );
    expect(rows).toEqual([
      { identity_pool_id: 'often', started_ms: daysAgo(399) },
      { identity_pool_id: 'once', started_ms: daysAgo(900) },
      { identity_pool_id: 'twice', started_ms: daysAgo(800) },
    ]);
  });

  describe('with more datasets than one step covers', () => {
    const names = Array.from({ length: 250 }, (_, index) => `dataset-${index}`);
    beforeEach(async () => {
      await createQueryStore(database).apply(
        names.map((datasetName) => ({
          dataset: { ...GAME, datasetName },
          version: at(1),
          removal: null,
          records: [record('gone', 1, null), record('there', 1, 'value')],
        })),
      );
      await age('records', 366);
    });

    it.each([
      ['at the first', FIRST_DATASET],
      ['in the middle', datasetId({ ...GAME, datasetName: 'dataset-77' })],
      ['at the end', 'ffffffff-ffff-4fff-bfff-ffffffffffff'],
    ])('sweeps all datasets if it starts %s of their ids', async (_label, start) => {
      expect(await sweep({ randomId: () => start })).toEqual({ ...NOTHING, tombstones: 250 });
      expect(new Set(await keys())).toEqual(new Set(['there']));
    });

    it('continues where its time budget ended', async () => {
      const next = createFunction({ timeBudgetMs: 0, randomId: () => FIRST_DATASET });
      expect(await next()).toEqual({ ...NOTHING, tombstones: 100, isCutShort: true });
      expect(await next()).toEqual({ ...NOTHING, tombstones: 100, isCutShort: true });
      expect(await next()).toEqual({ ...NOTHING, tombstones: 50, isCutShort: true });
      expect(await next()).toEqual({ ...NOTHING, isCutShort: true });
    });
  });

  it('runs on a schedule in the local cloud, and also removes old objects of the failure destination', async () => {
    await write([record('a', 1, null)]);
    await age('records', 366);
    const directory = await mkdtemp(join(tmpdir(), 'mappings-'));
    try {
      await mkdir(join(directory, 'failures'));
      const file = join(directory, 'failures', 'old');
      await writeFile(file, '{}');
      await utimes(file, new Date(daysAgo(91)), new Date(daysAgo(91)));
      const schedule = startQueryStoreSweep({ database, region: 'us-east-1', directory });
      await schedule.close();
      expect(schedule.status()).toEqual({ functionName: 'sweep-query-store', lastError: null });
      expect([await keys(), await readdir(join(directory, 'failures'))]).toEqual([[], []]);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });

  it('fails if the database fails; the next run completes the sweep', async () => {
    await write([record('a', 1, null)]);
    await age('records', 366);
    let isDown = true;
    const store = createQuerySweep(database);
    const run = createFunction({
      sweep: {
        ...store,
        sweepDatasets: async (...step) => {
          if (isDown) throw new Error('the database is down');
          return store.sweepDatasets(...step);
        },
      },
    });
    await expect(run()).rejects.toThrow('down');
    isDown = false;
    expect(await run()).toEqual({ ...NOTHING, tombstones: 1 });
  });
});
