import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SetupError } from '../../../lib/common/errors.ts';
import type { Database } from '../../../lib/database/database.ts';
import { openPg } from '../../../lib/database/drivers/pg/open-pg.ts';
import { migrate } from '../../../lib/database/schema/migrate.ts';
import {
  createOptionalIndexes,
  type OptionalIndexes,
} from '../../../lib/projection/store/optional-indexes.ts';
import { createPostgresDatabase, DATABASES } from '../../fixtures/database/databases.ts';

const RECORD = `
INSERT INTO projection.records
SELECT md5('dataset')::uuid, query.record_id_of('key'), 'key', repeat('鍵', 100000), NULL, 1, 1, NULL, now()`;

const states = async (indexes: OptionalIndexes) =>
  Object.fromEntries((await indexes.list()).map(({ name, state }) => [name, state]));

describe.each(DATABASES)('optional indexes on $name', ({ openOwn }) => {
  let database: Database;
  let indexes: OptionalIndexes;
  beforeAll(async () => {
    database = await openOwn();
    indexes = createOptionalIndexes(database);
  });
  afterAll(() => database.close());
  afterEach(async () => {
    await indexes.drop('numeric');
    await indexes.drop('text');
  });

  it('can be added and dropped', async () => {
    expect(await indexes.list()).toEqual([
      { name: 'numeric', state: 'absent', bytes: 0 },
      { name: 'text', state: 'absent', bytes: 0 },
      { name: 'changes', state: 'ready', bytes: expect.any(Number) },
    ]);
    expect(await indexes.add('text')).toBe(true);
    expect(await indexes.add('text')).toBe(false);
    expect(await states(indexes)).toEqual({ numeric: 'absent', text: 'ready', changes: 'ready' });
    expect((await indexes.list())[1]?.bytes).toBeGreaterThan(0);
    expect(await indexes.isReady('text')).toBe(true);
    expect(await indexes.drop('text')).toBe(true);
    expect(await indexes.drop('text')).toBe(false);
    expect(await states(indexes)).toEqual({ numeric: 'absent', text: 'absent', changes: 'ready' });
  });

  it('remain dropped when the migrations of the database run again, and can be added again', async () => {
    expect(await indexes.drop('changes')).toBe(true);
    await migrate(database);
    expect(await states(indexes)).toMatchObject({ changes: 'absent' });
    expect(await indexes.add('changes')).toBe(true);
    expect(await states(indexes)).toMatchObject({ changes: 'ready' });
  });

  it('accept values of any length', async () => {
    await indexes.add('text');
    await indexes.add('numeric');
    await database.query(RECORD);
    await database.query("UPDATE projection.records SET numeric_value = repeat('9', 40)::numeric");
  });

  it('remain when the migrations of the database run again', async () => {
    await indexes.add('numeric');
    await database.query('UPDATE projection.migrations SET completed_at = NULL');
    await migrate(database);
    expect(await states(indexes)).toEqual({ numeric: 'ready', text: 'absent', changes: 'ready' });
  });

  it('are built again after an interrupted build', async () => {
    await indexes.add('numeric');
    await database.query(
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'projection.records_by_number'::regclass",
    );
    expect(await states(indexes)).toEqual({ numeric: 'broken', text: 'absent', changes: 'ready' });
    expect(await Promise.all([indexes.isReady('numeric'), indexes.isReady('text')])).toEqual([false, false]);
    expect(await indexes.add('numeric')).toBe(true);
    expect(await states(indexes)).toEqual({ numeric: 'ready', text: 'absent', changes: 'ready' });
  });

  it('are each built once by concurrent requests', async () => {
    const requests = [indexes.add('numeric'), indexes.add('text'), indexes.add('numeric')];
    for (const result of await Promise.allSettled(requests)) {
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(SetupError);
    }
    expect(await states(indexes)).toEqual({ numeric: 'ready', text: 'ready', changes: 'ready' });
  });
});

describe('an optional index that waits for a writer', () => {
  let connectionString: string;
  let database: Database;
  beforeEach(async () => {
    connectionString = await createPostgresDatabase();
    database = openPg({ connectionString });
  });
  afterEach(() => database.close());

  it('is listed as "building", and is built once', async () => {
    const indexes = createOptionalIndexes(database);
    let added: Promise<boolean> | undefined;
    await database.transaction(async (transaction) => {
      await transaction.query(RECORD);
      added = indexes.add('numeric');
      await expect.poll(() => states(indexes)).toMatchObject({ numeric: 'building' });
      await expect(indexes.add('numeric')).rejects.toThrow('is already being built');
    });
    expect(await added).toBe(true);
    expect(await states(indexes)).toMatchObject({ numeric: 'ready' });
  });

  it('is listed as "broken" after a timeout, and is built again when it is added again', async () => {
    const hasty = openPg({ connectionString, statementTimeoutMs: 1_500 });
    const indexes = createOptionalIndexes(database);
    await database.transaction(async (transaction) => {
      await transaction.query(RECORD);
      await expect(createOptionalIndexes(hasty).add('numeric')).rejects.toMatchObject({ code: '57014' });
    });
    await hasty.close();
    expect(await states(indexes)).toMatchObject({ numeric: 'broken' });
    expect(await indexes.add('numeric')).toBe(true);
    expect(await states(indexes)).toMatchObject({ numeric: 'ready' });
  });
});
