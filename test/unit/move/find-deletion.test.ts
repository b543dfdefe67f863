import { describe, expect, it } from 'vitest';
import { findDeletion } from '../../../lib/move/read-listing.ts';

const rowAt = (syncCount: number) => ({
  key: String(syncCount),
  value: '1',
  version: { lastModifiedDate: syncCount, syncCount },
  deviceLastModifiedDate: null,
  lastModifiedBy: null,
});

describe('the count of a deletion', () => {
  it('is found in fewer than ten calls, which ask the origin whether a deletion followed a given sync count', async () => {
    for (let deletion = 2; deletion < 100; deletion += 1) {
      let calls = 0;
      const wasDeletedAfter = async (count: number) => {
        calls += 1;
        return deletion > count;
      };
      const listing = { records: [rowAt(100), rowAt(140)], syncCount: 140 };
      expect(await findDeletion(wasDeletedAfter, listing)).toBe(deletion);
      expect(calls).toBeLessThan(10);
    }
  });

  it('is 0, without a call, if a row has the sync count 1 or 2, because a deletion erases all rows and has at least the count 2', async () => {
    const fail = () => Promise.reject(new Error('no call is needed'));
    for (const first of [1, 2]) {
      expect(await findDeletion(fail, { records: [rowAt(first), rowAt(9)], syncCount: 9 })).toBe(0);
    }
  });

  it('is 0 after one call if the dataset was never deleted', async () => {
    const listing = { records: [rowAt(8)], syncCount: 9 };
    expect(await findDeletion(async () => false, listing)).toBe(0);
  });
});
