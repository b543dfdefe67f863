import type { Identity } from '../fixtures/wire/sync-client.ts';

/** A record that the service acknowledged or returned. If the record was removed, its value is null. */
export interface LedgerEntry {
  value: string | null;
  syncCount: number;
}

/** What one device knows about a dataset that only this device writes. */
export interface DatasetLedger {
  identity: Identity;
  name: string;
  /** The dataset's sync count after the last acknowledged change; 0 before the first. */
  syncCount: number;
  /** The state of each key after the last acknowledged change. */
  records: Map<string, LedgerEntry>;
  /**
   * For each key, the values of changes that got no answer. The service may have stored these values, or may store
   * them later.
   */
  inDoubt: Map<string, (string | null)[]>;
  /** Sync counts of the acknowledged updates. For each of these counts, the stream must have an event. */
  acknowledged: number[];
  /** Whether the ledger may differ from the stored dataset, so that the device must read the dataset completely. */
  isUncertain: boolean;
}

/** The records of a dataset as the service returns them. A removed record is absent or has the value null. */
export type Records = ReadonlyMap<string, LedgerEntry>;

export function createDatasetLedger(identity: Identity, name: string): DatasetLedger {
  return {
    identity,
    name,
    syncCount: 0,
    records: new Map(),
    inDoubt: new Map(),
    acknowledged: [],
    isUncertain: false,
  };
}

/**
 * Enters an acknowledged update into the ledger.
 *
 * @param changed the changed records; all of them have the same new sync count
 * @returns one line if the sync count is not higher than before, otherwise no line
 */
export function acknowledge(
  dataset: DatasetLedger,
  changed: readonly [key: string, entry: LedgerEntry][],
): string[] {
  const syncCount = changed[0]?.[1].syncCount ?? 0;
  const isNew = syncCount > dataset.syncCount;
  for (const [key, entry] of changed) {
    dataset.records.set(key, entry);
    // Earlier changes of this key are no longer in doubt. If the service receives such a change only now, it rejects
    // the change, because the sync count of the change is too low.
    dataset.inDoubt.delete(key);
  }
  dataset.syncCount = Math.max(syncCount, dataset.syncCount);
  dataset.acknowledged.push(syncCount);
  return isNew ? [] : [`${nameOf(dataset)}: count ${syncCount} was acknowledged after ${dataset.syncCount}`];
}

/** Enters an acknowledged deletion of the dataset. The new sync count becomes known when the dataset is read again. */
export function acknowledgeDeletion(dataset: DatasetLedger): void {
  for (const key of dataset.records.keys()) dataset.records.set(key, { value: null, syncCount: 0 });
  dataset.isUncertain = true;
}

/** Enters a change that got no answer. Such a change is in doubt: the service may have stored it or not. */
export function doubt(dataset: DatasetLedger, values: Iterable<[key: string, value: string | null]>): void {
  for (const [key, value] of values) {
    dataset.inDoubt.set(key, [...(dataset.inDoubt.get(key) ?? []), value]);
  }
  dataset.isUncertain = true;
}

/**
 * Replaces the dataset in the ledger by the dataset that the service returned. Changes in doubt remain in doubt.
 * @returns one line per problem
 */
export function adopt(dataset: DatasetLedger, syncCount: number, records: Records): string[] {
  const problems = compare(dataset, records);
  if (syncCount < dataset.syncCount) {
    problems.push(`${nameOf(dataset)}: the count went back from ${dataset.syncCount} to ${syncCount}`);
  }
  dataset.syncCount = syncCount;
  dataset.records = new Map(records);
  dataset.isUncertain = false;
  return problems;
}

/**
 * Compares the records that the service returned for a dataset with the ledger. Each key must have its last
 * acknowledged value, or the value of a change in doubt.
 *
 * @returns one line per value that is lost or that no change explains
 */
export function compare(dataset: DatasetLedger, records: Records): string[] {
  const keys = new Set([...dataset.records.keys(), ...records.keys()]);
  return [...keys].flatMap((key) => {
    const expected = dataset.records.get(key)?.value ?? null;
    const found = records.get(key)?.value ?? null;
    if (found === expected || dataset.inDoubt.get(key)?.includes(found)) return [];
    return [`${nameOf(dataset)}: ${key} is ${found}, acknowledged was ${expected}`];
  });
}

export function nameOf({ identity, name }: Pick<DatasetLedger, 'identity' | 'name'>): string {
  return `${identity.IdentityId} ${name}`;
}
