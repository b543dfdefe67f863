import { describe, expect, it } from 'vitest';
import { compareDataset } from '../../../lib/move/compare-dataset.ts';

const here = (rows: [string, string | null, number][], syncCount = 3) => ({
  exists: true,
  syncCount,
  rows: rows.map(([key, value, count]) => ({ key, value, syncCount: count })),
});
const there = (rows: [string, string | null, number][], syncCount = 3) => ({
  exists: true,
  syncCount,
  records: rows.map(([key, value, count]) => ({
    key,
    value,
    version: { lastModifiedDate: 1, syncCount: count },
    deviceLastModifiedDate: null,
    lastModifiedBy: null,
  })),
});
const NONE = { exists: false, syncCount: 0, rows: [], records: [] };

describe('the comparison of a dataset with the origin', () => {
  it('finds nothing if values and sync counts are equal', () => {
    expect(compareDataset(here([['a', '1', 2]]), there([['a', '1', 2]]), true)).toBeNull();
    expect(compareDataset(NONE, NONE, true)).toBeNull();
  });

  it('counts keys whose live values differ; a tombstone counts like a missing record', () => {
    const rows: [string, string | null, number][] = [
      ['a', '1', 1],
      ['b', '2', 2],
      ['c', null, 3],
    ];
    const others: [string, string | null, number][] = [
      ['a', '1', 1],
      ['b', '3', 2],
      ['d', '4', 3],
    ];
    expect(compareDataset(here(rows), there(others), true)).toEqual({ kind: 'values', records: 2 });
    expect(compareDataset(here([['c', null, 3]]), there([]), false)).toBeNull();
  });

  it('compares sync counts, also those of tombstones, only if the caller requests it', () => {
    expect(compareDataset(here([['a', '1', 2]]), there([['a', '1', 3]]), true)).toEqual({ kind: 'counts' });
    expect(compareDataset(here([['a', '1', 2]], 4), there([['a', '1', 2]]), true)).toEqual({
      kind: 'counts',
    });
    expect(compareDataset(here([['a', null, 2]]), there([]), true)).toEqual({ kind: 'counts' });
    expect(compareDataset(here([['a', '1', 2]]), there([['a', '1', 3]]), false)).toBeNull();
  });

  it('says on which side a dataset is missing', () => {
    expect(compareDataset(NONE, there([]), true)).toEqual({ kind: 'not-here' });
    expect(compareDataset(here([]), NONE, true)).toEqual({ kind: 'not-at-origin' });
  });

  it('finds no difference if only one side has the dataset, with only tombstones, unless sync counts must be equal', () => {
    const tombstones: [string, null, number][] = [['a', null, 2]];
    expect(compareDataset(here(tombstones), NONE, false)).toBeNull();
    expect(compareDataset(NONE, there(tombstones), false)).toBeNull();
    expect(compareDataset(here(tombstones), NONE, true)).toEqual({ kind: 'not-at-origin' });
    expect(compareDataset(here([['a', '1', 2]]), NONE, false)).toEqual({ kind: 'not-at-origin' });
  });
});
