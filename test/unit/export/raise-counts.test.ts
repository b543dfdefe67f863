import { expect, it } from 'vitest';
import { createRaise, RAISED_BY } from '../../../lib/export/raise-counts.ts';
import type { ServiceItem } from '../../../lib/export/service-file.ts';

const dataset = (row: Record<string, number | null>, identity_pool_id = 'pool'): ServiceItem => ({
  type: 'dataset',
  copyOf: null,
  row: { identity_pool_id, counted_sync_count: null, deleted_sync_count: 0, ...row },
});
const record: ServiceItem = { type: 'record', row: { sync_count: 3 } };

it('raises the counts of a dataset and of the records that follow it', () => {
  const raise = createRaise(() => false);
  expect(raise(dataset({ sync_count: 5, counted_sync_count: 4, deleted_sync_count: 2 }))).toEqual(
    dataset({ sync_count: 5 + RAISED_BY, counted_sync_count: 4 + RAISED_BY, deleted_sync_count: 2 }),
  );
  expect(raise(record)).toEqual({ type: 'record', row: { sync_count: 3 + RAISED_BY } });
});

it('leaves a deleted dataset deleted, and its records hidden', () => {
  const raise = createRaise(() => false);
  raise(dataset({ sync_count: 1 }));
  const deleted = dataset({ sync_count: 5, deleted_sync_count: 5 });
  expect(raise(deleted)).toBe(deleted);
  expect(raise(record)).toBe(record);
});

it('leaves pools alone that are being migrated', () => {
  const raise = createRaise((id) => id === 'moving');
  const moving = dataset({ sync_count: 5 }, 'moving');
  expect(raise(moving)).toBe(moving);
  expect(raise(record)).toBe(record);
});

it('leaves all other items alone', () => {
  const row: ServiceItem = { type: 'row', table: 'sync.devices', row: { sync_count: 1 } };
  expect(createRaise(() => false)(row)).toBe(row);
});
