import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../lib/database/database.ts';
import { createIdentityStore } from '../../../lib/identity/store/identity-store.ts';
import type { SyncOperations } from '../../../lib/sync/model.ts';
import { discardImport } from '../../../lib/sync/store/import-progress.ts';
import {
  countMarks,
  listDue,
  postponeMark,
  putMarks,
  removeMark,
  setBridges,
} from '../../../lib/sync/store/replica/marks.ts';
import { SERVICE_DATABASES } from '../../fixtures/database/databases.ts';
import { deleteRows } from '../../fixtures/database/delete-rows.ts';
import { createPool } from '../../fixtures/identity/identity-pools.ts';
import { createMerger, mergeOf, newIdentity } from '../../fixtures/sync/merges.ts';
import { NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';
import { createDevice, createSyncService, put } from '../../fixtures/sync/sync-service.ts';

const TABLES = ['unbridged_datasets', 'identity_pools', 'datasets', 'records', 'merged_datasets', 'outbox'];

describe.each(SERVICE_DATABASES)('marks of changed datasets, for the bridge, on $name', ({ open }) => {
  let database: Database;
  let operations: SyncOperations;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(() => database.close());
  beforeEach(async () => {
    await deleteRows(
      database,
      TABLES.map((table) => `sync.${table}`),
    );
    await createPool(database);
    await setBridges(database, POOL, true);
    ({ operations } = createSyncService(database));
  });

  const due = (now = Number.MAX_SAFE_INTEGER) => listDue(database, now, 100);
  const names = async () => (await due()).map(({ dataset }) => dataset.datasetName).toSorted();

  it('are set by updates, also of an existing dataset, by large updates and by deletions', async () => {
    const device = createDevice(operations);
    for (const change of [
      () => device.update(put('a', '1')),
      () => device.update(put('a', '2', 1)),
      () => device.update(put('b', 'x'.repeat(950_000))),
      () => device.remove(),
    ]) {
      await deleteRows(database, ['sync.unbridged_datasets']);
      await change();
      expect(await names()).toEqual(['game']);
    }
  });

  it('are set by a merge for the copy and for the merged dataset', async () => {
    const [from, into] = [newIdentity(), newIdentity()];
    await createDevice(operations, { identityId: from }).update(put('a', '1'));
    await deleteRows(database, ['sync.unbridged_datasets']);
    await createMerger(database)(mergeOf(from, into));
    expect(await names()).toEqual(['game', `game.${from}`]);
  });

  it('are not set if the pool is not bridged', async () => {
    await setBridges(database, POOL, false);
    const device = createDevice(operations);
    await device.update(put('a', '1'));
    await device.remove();
    expect(await due()).toEqual([]);
  });

  it.each(['deleted', 'discarded with an import'])('are not set after the pool was %s', async (how) => {
    const device = createDevice(operations);
    await device.update(put('a', '1'));
    await deleteRows(database, ['sync.unbridged_datasets']);
    if (how === 'deleted') await createIdentityStore(database).markDeleted(POOL, NEW_YEAR);
    else
      await discardImport(
        database,
        {
          import_id: '00000000-0000-0000-0000-000000000000',
          file_sha256: '',
          next_position: 0,
          identity_pool_ids: JSON.stringify([POOL]),
        },
        NEW_YEAR,
      );
    await device.remove();
    expect(await due()).toEqual([]);
    await database.query('UPDATE sync.identity_pools SET deleted_ms = NULL');
    await device.update(put('a', '2', 2));
    expect(await due()).toEqual([]);
  });

  it('are not set by a change that fails', async () => {
    const device = createDevice(operations);
    await device.update(put('a', '1'));
    await deleteRows(database, ['sync.unbridged_datasets']);
    await expect(device.update(put('a', '2', 0))).rejects.toThrow('Current SyncCount');
    expect(await due()).toEqual([]);
  });

  it('remain if the dataset changed again since the mark was read', async () => {
    const device = createDevice(operations);
    await device.update(put('a', '1'));
    const [read] = await due();
    if (!read) throw new Error('no mark');
    await device.update(put('a', '2', 1));
    await removeMark(database, read);
    const [newer] = await due();
    expect(newer?.markId).not.toBe(read.markId);
    if (newer) await removeMark(database, newer);
    expect(await due()).toEqual([]);
  });

  it('wait after a failure, until a device changes the dataset again', async () => {
    const device = createDevice(operations);
    const identityId = device.identity.IdentityId;
    await putMarks(database, POOL, [{ identityPoolId: POOL, identityId, datasetName: 'game' }]);
    const [mark] = await due();
    if (!mark) throw new Error('no mark');
    const inAnHour = Date.now() + 3_600_000;
    await postponeMark(database, mark, { until: inAnHour, problem: 'limit' });
    expect(await due(Date.now() + 60_000)).toEqual([]);
    expect(await countMarks(database, POOL)).toEqual({ marks: 1, problems: 1, byProblem: { limit: 1 } });
    await device.update(put('a', '1'));
    expect(await due(Date.now() + 60_000)).toMatchObject([{ attempts: 1 }]);
  });
});
