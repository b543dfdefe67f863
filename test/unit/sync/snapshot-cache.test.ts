import { describe, expect, it } from 'vitest';
import type { DatasetKey } from '../../../lib/common/dataset-key.ts';
import type { DatasetUpdate, Snapshot } from '../../../lib/sync/ports/sync-store.ts';
import { createSnapshotCache } from '../../../lib/sync/store/snapshot-cache.ts';
import { IDENTITY, NEW_YEAR, POOL } from '../../fixtures/sync/stream-events.ts';

const named = (datasetName: string): DatasetKey => ({
  identityPoolId: POOL,
  identityId: IDENTITY,
  datasetName,
});
const GAME = named('game');

function snapshotAt(syncCount: number, records: Snapshot['records'] = new Map()): Snapshot {
  return { dataset: datasetAt(syncCount), spent: false, identityDatasets: 0, poolExists: true, records };
}

function datasetAt(syncCount: number): DatasetUpdate['dataset'] {
  return {
    datasetName: 'game',
    syncCount,
    deletedSyncCount: 0,
    creationDate: NEW_YEAR,
    lastModifiedDate: NEW_YEAR + syncCount,
    lastModifiedBy: 'somebody',
    dataStorage: 0,
    numRecords: 0,
  };
}

function updateTo(syncCount: number, values: Record<string, string | null>): DatasetUpdate {
  return {
    dataset: datasetAt(syncCount),
    records: Object.entries(values).map(([Key, Value]) => ({
      Key,
      Value,
      SyncCount: syncCount,
      LastModifiedDate: NEW_YEAR,
      LastModifiedBy: 'somebody',
      DeviceLastModifiedDate: null,
    })),
    spend: null,
    event: { partitionKey: IDENTITY, data: '{}', payload: null },
  };
}

describe('kept snapshots', () => {
  it('know a dataset and the records looked at, written or not, as the update left them', () => {
    const kept = createSnapshotCache();
    const before = snapshotAt(4, new Map([['seen', { syncCount: 3, valueBytes: 7 }]]));
    kept.keep(GAME, ['é', 'gone', 'seen', 'never'], before, updateTo(5, { é: 'é', gone: null }));
    expect(kept.recall(GAME, ['é', 'gone', 'seen', 'never'])).toEqual(
      snapshotAt(
        5,
        new Map([
          ['é', { syncCount: 5, valueBytes: 2 }],
          ['gone', { syncCount: 5, valueBytes: null }],
          ['seen', { syncCount: 3, valueBytes: 7 }],
        ]),
      ),
    );
    expect(kept.recall(GAME, ['é', 'other'])).toBeNull();
    expect(kept.recall(named('other'), ['é'])).toBeNull();
  });

  it('go on with what was known only from one count to the next', () => {
    const kept = createSnapshotCache();
    kept.keep(GAME, ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    kept.keep(GAME, ['b'], snapshotAt(1), updateTo(2, { b: '1' }));
    expect(kept.recall(GAME, ['a', 'b'])?.dataset?.syncCount).toBe(2);
    kept.keep(GAME, ['b'], snapshotAt(3), updateTo(4, { b: '1' }));
    expect(kept.recall(GAME, ['b'])?.dataset?.syncCount).toBe(4);
    expect(kept.recall(GAME, ['a'])).toBeNull();
  });

  it('never go back to an older count', () => {
    const kept = createSnapshotCache();
    kept.keep(GAME, ['a'], snapshotAt(1), updateTo(2, { a: '2' }));
    kept.keep(GAME, ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    expect(kept.recall(GAME, ['a'])?.dataset?.syncCount).toBe(2);
  });

  it('forget on demand, and the dataset not used for longest where there are too many records', () => {
    const kept = createSnapshotCache(3);
    const names = ['one', 'two', 'three'];
    for (const name of names) kept.keep(named(name), ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    kept.recall(named('one'), ['a']);
    kept.keep(named('four'), ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    const known = () => [...names, 'four'].filter((name) => kept.recall(named(name), ['a']) !== null);
    expect(known()).toEqual(['one', 'three', 'four']);
    kept.forget(named('three'));
    expect(known()).toEqual(['one', 'four']);
    kept.keep(named('large'), ['a', 'b', 'c', 'd'], snapshotAt(0), updateTo(1, {}));
    expect(kept.recall(named('large'), ['a'])).toBeNull();
    expect(known()).toEqual([]);
  });
});
