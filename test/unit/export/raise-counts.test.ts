import { expect, it } from 'vitest';
import { createRaise, RAISED_BY, raisedBy } from '../../../lib/export/raise-counts.ts';
import type { ServiceItem } from '../../../lib/export/service-file.ts';

const dataset = (row: Record<string, number | null>, identity_pool_id = 'pool'): ServiceItem => ({
  type: 'dataset',
  copyOf: null,
  row: { dataset_id: 'dataset', identity_pool_id, counted_sync_count: null, deleted_sync_count: 0, ...row },
});
const record: ServiceItem = { type: 'record', row: { sync_count: 3 } };

it('raises the counts of a dataset and of the records that follow it', () => {
  const raise = createRaise(() => false, RAISED_BY);
  expect(raise(dataset({ sync_count: 5, counted_sync_count: 4, deleted_sync_count: 2 }))).toEqual(
    dataset({ sync_count: 5 + RAISED_BY, counted_sync_count: 4 + RAISED_BY, deleted_sync_count: 2 }),
  );
  expect(raise(record)).toEqual({ type: 'record', row: { sync_count: 3 + RAISED_BY } });
});

it('leaves a deleted dataset deleted, and its records hidden', () => {
  const raise = createRaise(() => false, RAISED_BY);
  raise(dataset({ sync_count: 1 }));
  const deleted = dataset({ sync_count: 5, deleted_sync_count: 5 });
  expect(raise(deleted)).toBe(deleted);
  expect(raise(record)).toBe(record);
});

it('raises the count of a deletion during the backup, so that the import erases the old records', () => {
  const raise = createRaise(() => false, RAISED_BY);
  raise(dataset({ sync_count: 5, deleted_sync_count: 2 }));
  const again = { ...dataset({ sync_count: 8, deleted_sync_count: 6 }), again: true as const } as ServiceItem;
  for (let time = 0; time < 2; time += 1) {
    expect(raise(again).row).toMatchObject({
      sync_count: 8 + RAISED_BY,
      deleted_sync_count: 6 + RAISED_BY,
    });
  }
  const unchanged = {
    ...dataset({ sync_count: 8, deleted_sync_count: 2 }),
    again: true as const,
  } as ServiceItem;
  expect(raise(unchanged).row).toMatchObject({ sync_count: 8 + RAISED_BY, deleted_sync_count: 2 });
});

it('does not change the items of pools that are being migrated', () => {
  const raise = createRaise((id) => id === 'moving', RAISED_BY);
  const moving = dataset({ sync_count: 5 }, 'moving');
  expect(raise(moving)).toBe(moving);
  expect(raise(record)).toBe(record);
});

it('does not change items that are neither datasets nor records', () => {
  const row: ServiceItem = { type: 'row', table: 'sync.devices', row: { sync_count: 1 } };
  expect(createRaise(() => false, RAISED_BY)(row)).toBe(row);
});

it('raises counts above those that devices have from an earlier restore of the same backup', () => {
  const hour = 3_600_000;
  const updates = 50_000;
  const [first, second] = [raisedBy(0, 5 * hour), raisedBy(0, 6 * hour)];
  // The oldest record has count 1, and the device has the count of the newest record and of the updates since then.
  expect(1 + second).toBeGreaterThan(updates + first + 20 * 3_600);
  expect(raisedBy(5, 4)).toBe(RAISED_BY);
});
