import { expect } from 'vitest';
import type { SyncRecord } from '../../lib/sync/model.ts';

interface Seen {
  count: number;
  date: number;
}

interface Called {
  name: string;
  input: object;
  /** Empty where the call was refused. */
  answer: object;
  /** Changes that others made to the dataset during the call. */
  meanwhile: number;
}

/**
 * What holds of the service's answers whatever the model says: a dataset's count rises by one with every change, all
 * records of the change have it and one date, and dates rise.
 */
export function createInvariants() {
  const datasets = new Map<string, Seen>();

  return {
    /** A change that no call made. */
    change(dataset: string): void {
      const seen = datasets.get(dataset) ?? { count: 0, date: 0 };
      datasets.set(dataset, { ...seen, count: seen.count + 1 });
    },

    check({ name, input, answer, meanwhile }: Called): void {
      const { IdentityPoolId, IdentityId, DatasetName }: Record<string, unknown> = { ...input };
      const dataset = `${IdentityPoolId} ${IdentityId} ${DatasetName}`;
      const seen = datasets.get(dataset) ?? { count: 0, date: 0 };
      if (name === 'DeleteDataset' && 'Dataset' in answer) seen.count += 1;
      if (name === 'ListRecords' && !('NextToken' in input) && 'DatasetSyncCount' in answer) {
        expect(answer.DatasetSyncCount, 'the count that is listed').toBe(seen.count);
      }
      if (name === 'UpdateRecords') {
        seen.count += meanwhile;
        seeRecords(seen, recordsOf(answer));
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
    expect(record.LastModifiedDate, 'one date for a change').toBe(first.LastModifiedDate);
  }
  seen.count += 1;
  seen.date = first.LastModifiedDate;
}

export function recordsOf(answer: object): SyncRecord[] {
  return 'Records' in answer && Array.isArray(answer.Records) ? answer.Records : [];
}
