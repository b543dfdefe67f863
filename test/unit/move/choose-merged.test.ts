import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseMerged } from '../../../lib/move/choose-merged.ts';
import type { SyncRecord } from '../../../lib/sync/model.ts';

const record = (
  Key: string,
  Value: string | null,
  deviceMs: number | null,
  modifiedMs = 1_000,
): SyncRecord => ({
  Key,
  Value,
  SyncCount: 1,
  LastModifiedDate: modifiedMs,
  LastModifiedBy: 'us-east-1:a',
  DeviceLastModifiedDate: deviceMs,
});
const stored = (...records: SyncRecord[]) => new Map(records.map((each) => [each.Key, each]));
const valuesOf = ({ records }: { records: readonly SyncRecord[] }) =>
  records.map(({ Key, Value }) => [Key, Value]);

describe('the choice of the records that a merge copies', () => {
  it('stores the date that decides a conflict as the device date of the copy, because the copy gets a new LastModifiedDate', () => {
    const { records } = chooseMerged(
      [record('a', '1', null, 7), record('b', '1', 9, 7), record('c', '1', 5, 7)],
      null,
    );
    expect(records.map(({ DeviceLastModifiedDate }) => DeviceLastModifiedDate)).toEqual([7, 7, 5]);
  });

  it('replaces a device date that is later than LastModifiedDate with LastModifiedDate, so that a wrong clock does not win', () => {
    const ahead = record('a', 'ahead', 900, 20);
    expect(chooseMerged([ahead], stored(record('a', 'kept', 30)))).toMatchObject({
      records: [],
      conflicts: [{ winner: 'here', hereMs: 30, thereMs: 20 }],
    });
  });

  it('copies no tombstones if the copy does not exist and there is no live record', () => {
    expect(chooseMerged([record('a', null, 1)], null)).toEqual({ records: [], conflicts: [] });
    expect(valuesOf(chooseMerged([record('a', null, 1), record('b', '1', 1)], null))).toHaveLength(2);
  });

  it('neither copies equal values nor reports them as conflicts', () => {
    const copy = stored(record('a', '1', 1), record('b', null, 1));
    const both = [record('a', '1', 2), record('b', null, 2)];
    expect(chooseMerged(both, copy)).toEqual({ records: [], conflicts: [] });
  });

  it('ends with the newest value in any order of arrival, and lists every other value as a conflict', () => {
    const versions = fc.uniqueArray(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(versions, (dates) => {
        const copy = stored(record('other', '1', 1));
        const lost: number[] = [];
        for (const date of dates) {
          const { records, conflicts } = chooseMerged([record('a', `${date}`, date)], copy);
          for (const each of records) copy.set(each.Key, { ...each, LastModifiedDate: 1_000_000 });
          for (const { winner, hereMs, thereMs } of conflicts)
            lost.push((winner === 'here' ? thereMs : hereMs) ?? 0);
        }
        const newest = Math.max(...dates);
        expect(copy.get('a')?.Value).toBe(`${newest}`);
        expect(lost.toSorted((a, b) => a - b)).toEqual(
          dates.filter((date) => date !== newest).toSorted((a, b) => a - b),
        );
      }),
    );
  });
});
