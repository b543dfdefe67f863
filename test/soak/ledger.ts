import type { Identity } from '../fixtures/wire/sync-client.ts';

/** A record that the service acknowledged. A value of null is a removed record. */
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
  /** The last acknowledged state of each key. */
  records: Map<string, LedgerEntry>;
  /** Values by key of changes without an answer. They may be stored, now or later. */
  inDoubt: Map<string, (string | null)[]>;
  /** Sync counts of the acknowledged updates. Each has its own event on the stream. */
  acknowledged: number[];
  /** Whether a change has had no answer since the dataset was last read. */
  isUncertain: boolean;
}

/** A dataset as the service or the query store returns it: removed records are absent or have a value of null. */
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
 * Enters an acknowledged update.
 *
 * @param changed the changed records with their new, common sync count
 * @returns what is wrong with the answer
 */
export function acknowledge(
  dataset: DatasetLedger,
  changed: readonly [key: string, entry: LedgerEntry][],
): string[] {
  const syncCount = changed[0]?.[1].syncCount ?? 0;
  const isNew = syncCount > dataset.syncCount;
  for (const [key, entry] of changed) {
    dataset.records.set(key, entry);
    // A change in doubt that arrives now has an old sync count for this key. The service rejects it.
    dataset.inDoubt.delete(key);
  }
  dataset.syncCount = Math.max(syncCount, dataset.syncCount);
  dataset.acknowledged.push(syncCount);
  return isNew ? [] : [`${nameOf(dataset)}: count ${syncCount} was acknowledged after ${dataset.syncCount}`];
}

/** Enters an acknowledged deletion of the dataset. Its count is known when the dataset is read again. */
export function acknowledgeDeletion(dataset: DatasetLedger): void {
  for (const key of dataset.records.keys()) dataset.records.set(key, { value: null, syncCount: 0 });
  dataset.isUncertain = true;
}

/** Enters a change without an answer. */
export function doubt(dataset: DatasetLedger, values: Iterable<[key: string, value: string | null]>): void {
  for (const [key, value] of values) {
    dataset.inDoubt.set(key, [...(dataset.inDoubt.get(key) ?? []), value]);
  }
  dataset.isUncertain = true;
}

/** Continues from the dataset as the service returns it. Changes in doubt that it does not contain stay in doubt. */
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
 * Compares a dataset as the service returns it with the ledger. Each key must have its last acknowledged value, or the
 * value of a change in doubt.
 *
 * @returns one line per lost or unexplained value
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
