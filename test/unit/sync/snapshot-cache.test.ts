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
  return {
    dataset: datasetAt(syncCount),
    spent: false,
    identityDatasets: 0,
    poolExists: true,
    identityDeleted: false,
    records,
  };
}

function datasetAt(syncCount: number): DatasetUpdate['dataset'] {
  return {
    datasetName: 'game',
    syncCount,
    deletedSyncCount: 0,
    creationDate: NEW_YEAR,
    lastModifiedDate: NEW_YEAR + syncCount,
    lastModifiedBy: 'writer',
    dataStorage: 0,
    numRecords: 0,
    rowCount: 0,
    keyBytes: 0,
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
      LastModifiedBy: 'writer',
      DeviceLastModifiedDate: null,
    })),
    spend: null,
    event: { partitionKey: IDENTITY, data: '{}', payload: null },
  };
}

describe('the snapshot cache', () => {
  it('returns a dataset and its requested records, even unchanged ones, as the update left them', () => {
    const cache = createSnapshotCache();
    const before = snapshotAt(4, new Map([['seen', { syncCount: 3, valueBytes: 7 }]]));
    cache.keep(GAME, ['é', 'gone', 'seen', 'never'], before, updateTo(5, { é: 'é', gone: null }));
    expect(cache.recall(GAME, ['é', 'gone', 'seen'])).toEqual(
      snapshotAt(
        5,
        new Map([
          ['é', { syncCount: 5, valueBytes: 2 }],
          ['gone', { syncCount: 5, valueBytes: null }],
          ['seen', { syncCount: 3, valueBytes: 7 }],
        ]),
      ),
    );
    expect(cache.recall(GAME, ['é', 'never'])).toBeNull();
    expect(cache.recall(GAME, ['é', 'other'])).toBeNull();
    expect(cache.recall(named('other'), ['é'])).toBeNull();
  });

  it('keeps records of earlier updates only if the next update starts at the cached count', () => {
    const cache = createSnapshotCache();
    cache.keep(GAME, ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    cache.keep(GAME, ['b'], snapshotAt(1), updateTo(2, { b: '1' }));
    expect(cache.recall(GAME, ['a', 'b'])?.dataset?.syncCount).toBe(2);
    cache.keep(GAME, ['b'], snapshotAt(3), updateTo(4, { b: '1' }));
    expect(cache.recall(GAME, ['b'])?.dataset?.syncCount).toBe(4);
    expect(cache.recall(GAME, ['a'])).toBeNull();
  });

  it('never replaces a cached dataset by the same dataset with a lower count', () => {
    const cache = createSnapshotCache();
    cache.keep(GAME, ['a'], snapshotAt(1), updateTo(2, { a: '2' }));
    cache.keep(GAME, ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    expect(cache.recall(GAME, ['a'])?.dataset?.syncCount).toBe(2);
  });

  it('does not evict other datasets because of records that do not exist', () => {
    const cache = createSnapshotCache(3);
    cache.keep(GAME, ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    cache.keep(named('other'), ['b', 'c', 'd', 'e'], snapshotAt(0), updateTo(1, {}));
    expect(cache.recall(GAME, ['a'])?.dataset?.syncCount).toBe(1);
  });

  it('evicts the dataset that a caller names, and the least recently used dataset if the cache is full', () => {
    const cache = createSnapshotCache(3);
    const names = ['one', 'two', 'three'];
    for (const name of names) cache.keep(named(name), ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    cache.recall(named('one'), ['a']);
    cache.keep(named('four'), ['a'], snapshotAt(0), updateTo(1, { a: '1' }));
    const known = () => [...names, 'four'].filter((name) => cache.recall(named(name), ['a']) !== null);
    expect(known()).toEqual(['one', 'three', 'four']);
    cache.forget(named('three'));
    expect(known()).toEqual(['one', 'four']);
    const large = { a: '', b: '', c: '', d: '' };
    cache.keep(named('large'), Object.keys(large), snapshotAt(0), updateTo(1, large));
    expect(cache.recall(named('large'), ['a'])).toBeNull();
    expect(known()).toEqual([]);
  });
});
