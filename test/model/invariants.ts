import { expect } from 'vitest';
import type { SyncRecord } from '../../lib/sync/model.ts';

interface Seen {
  count: number;
  date: number;
}

interface Called {
  name: string;
  input: object;
  /** Empty if the call was rejected. */
  output: object;
  /** Number of changes that other callers made to the dataset during the call. */
  concurrentChanges: number;
}

/**
 * Checks invariants of the service's output, independent of the model. A dataset's count rises by one with each change.
 * All records of a change have the new count and the same date. Dates increase.
 */
export function createInvariants() {
  const datasets = new Map<string, Seen>();

  return {
    /** Registers a change that no call made. */
    change(dataset: string): void {
      const seen = datasets.get(dataset) ?? { count: 0, date: 0 };
      datasets.set(dataset, { ...seen, count: seen.count + 1 });
    },

    check({ name, input, output, concurrentChanges }: Called): void {
      const { IdentityPoolId, IdentityId, DatasetName }: Record<string, unknown> = { ...input };
      const dataset = `${IdentityPoolId} ${IdentityId} ${DatasetName}`;
      const seen = datasets.get(dataset) ?? { count: 0, date: 0 };
      if (name === 'DeleteDataset' && 'Dataset' in output) seen.count += 1;
      if (name === 'ListRecords' && !('NextToken' in input) && 'DatasetSyncCount' in output) {
        expect(output.DatasetSyncCount, 'the listed count').toBe(seen.count);
      }
      if (name === 'UpdateRecords') {
        seen.count += concurrentChanges;
        seeRecords(seen, recordsOf(output));
      }
      datasets.set(dataset, seen);
    },
  };
}

function seeRecords(seen: Seen, records: readonly SyncRecord[]): void {
  const written = records.filter(({ SyncCount }) => SyncCount > seen.count);
  const [first] = written;
  if (!first) return;
  expect(first.LastModifiedDate, 'the date of a change').toBeGreaterThan(seen.date);
  for (const record of written) {
    expect(record.SyncCount, 'the count of a change').toBe(seen.count + 1);
    expect(record.LastModifiedDate, 'the same date for all records of a change').toBe(first.LastModifiedDate);
  }
  seen.count += 1;
  seen.date = first.LastModifiedDate;
}

export function recordsOf(output: object): SyncRecord[] {
  return 'Records' in output && Array.isArray(output.Records) ? output.Records : [];
}
