import { expect, it } from 'vitest';
import { createRaise, restoredCount } from '../../../lib/export/raise-counts.ts';
import type { ServiceItem } from '../../../lib/export/service-file.ts';

const TO = 1_000_000;

const dataset = (row: Record<string, number | null>, identity_pool_id = 'pool'): ServiceItem => ({
  type: 'dataset',
  copyOf: null,
  row: { dataset_id: 'dataset', identity_pool_id, counted_sync_count: null, deleted_sync_count: 0, ...row },
});
const again = (row: Record<string, number | null>) =>
  ({ ...dataset(row), again: true as const }) as ServiceItem;
const record: ServiceItem = { type: 'record', row: { sync_count: 3 } };
const raised = (sync_count: number): ServiceItem => ({ type: 'record', row: { sync_count } });

it('a restore gives a dataset and the records that follow it the same sync count', () => {
  const raise = createRaise(() => false, TO);
  expect(raise(dataset({ sync_count: 5, counted_sync_count: 5, deleted_sync_count: 2 }))).toEqual(
    dataset({ sync_count: TO, counted_sync_count: TO, deleted_sync_count: 2 }),
  );
  expect(raise(record)).toEqual(raised(TO));
});

it('a restore does not raise counted_sync_count if it differs from sync_count, because the stored sizes are then outdated', () => {
  const raise = createRaise(() => false, TO);
  for (const counted_sync_count of [4, null]) {
    expect(raise(dataset({ sync_count: 5, counted_sync_count }))).toEqual(
      dataset({ sync_count: TO, counted_sync_count }),
    );
  }
});

it('a restore leaves a deleted dataset deleted, and its records hidden', () => {
  const raise = createRaise(() => false, TO);
  raise(dataset({ sync_count: 1 }));
  const deleted = dataset({ sync_count: 5, deleted_sync_count: 5 });
  expect(raise(deleted)).toBe(deleted);
  expect(raise(record)).toBe(record);
});

it('a restore raises the sync count of a deletion during the backup, so that the import erases the old records', () => {
  const raise = createRaise(() => false, TO);
  raise(dataset({ sync_count: 5, deleted_sync_count: 2 }));
  expect(raise(record)).toEqual(raised(TO));
  expect(raise(again({ sync_count: 6, deleted_sync_count: 6 })).row).toMatchObject({
    sync_count: TO,
    deleted_sync_count: TO,
  });
  // After that deletion, the dataset was created again.
  expect(raise(again({ sync_count: 8, deleted_sync_count: 6 })).row).toMatchObject({
    sync_count: TO + 1,
    deleted_sync_count: TO,
  });
  expect(raise(record)).toEqual(raised(TO + 1));
});

it('a restore does not raise the sync count of a deletion before the backup', () => {
  const raise = createRaise(() => false, TO);
  raise(dataset({ sync_count: 5, deleted_sync_count: 2 }));
  expect(raise(again({ sync_count: 8, deleted_sync_count: 2 })).row).toMatchObject({
    sync_count: TO + 1,
    deleted_sync_count: 2,
  });
});

it('a restore does not change the items of pools that are being migrated', () => {
  const raise = createRaise((id) => id === 'moving', TO);
  const moving = dataset({ sync_count: 5 }, 'moving');
  expect(raise(moving)).toBe(moving);
  expect(raise(record)).toBe(record);
});

it('a restore does not change items that are neither datasets nor records', () => {
  const row: ServiceItem = { type: 'row', table: 'sync.devices', row: { sync_count: 1 } };
  expect(createRaise(() => false, TO)(row)).toBe(row);
});

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 10, 30);

it.each([
  ['the same backup', 50_000, 50_000],
  ['an older backup, and then a newer one', 1_000, 50_000],
  ['a newer backup, and then an older one', 50_000, 1_000],
  ['a backup from after an earlier restore, and then one from before it', restoredCount(NOW, 0) + 100, 1_000],
])('the sync counts of a restore exceed those of devices after an earlier one: %s', (_, first, second) => {
  // Between the restores, a device has made three updates per second.
  const ofDevice = restoredCount(NOW + HOUR_MS, first) + 3 * 600;
  expect(restoredCount(NOW + HOUR_MS + 600_000, second)).toBeGreaterThan(ofDevice);
});

it('a restore gives sync counts above those of the backup, even if the clock is behind', () => {
  const highest = restoredCount(NOW, 0) + 5;
  for (const now of [0, NOW - HOUR_MS]) {
    expect(restoredCount(now, highest)).toBeGreaterThan(highest + 100_000);
  }
});

it('a restore gives sync counts below 2^31, the limit of the SDK for .NET, until 2043', () => {
  expect(restoredCount(Date.UTC(2043, 0), 1_000)).toBeLessThan(2 ** 31);
});
