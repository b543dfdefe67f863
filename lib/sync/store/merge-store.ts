import type { DatasetKey } from '../../common/dataset-key.ts';
import { type Database, DatabaseError, type Transaction } from '../../database/database.ts';
import { datasetId, identityRowId } from '../../database/row-ids.ts';
import type { SyncRecord } from '../model.ts';
import type { Merge, MergeSnapshot, MergeStore } from '../ports/merge-store.ts';
import type { StoredDataset } from '../ports/sync-store.ts';
import { readSnapshot } from './change-dataset.ts';
import { LOCK_DATASET } from './dataset-write-statements.ts';
import type { DatasetWrites } from './dataset-writes.ts';
import { datasetWritesFor } from './dataset-writes-for.ts';
import { eraseDeleted } from './erase-deleted.ts';
import { lockIdentities } from './lock-identities.ts';
import {
  END_PENDING,
  LIST_PENDING,
  type MergeSourceRow,
  type PendingMergeRow,
  READ_MERGE_SOURCE,
} from './merge-statements.ts';
import { toRecordOrNull, toStoredDataset } from './sync-rows.ts';
import { changeOnce, transact } from './transact.ts';

/**
 * Decides which records a merge writes to a copy, in the transaction of the merge.
 * `records`: all rows of the merged dataset, including tombstones. `readStored` returns the rows of the copy, by key; null
 * if the copy does not exist.
 */
export type ChooseRecords = (
  on: Transaction,
  target: DatasetKey,
  about: {
    records: readonly SyncRecord[];
    readStored: () => Promise<ReadonlyMap<string, SyncRecord> | null>;
  },
) => Promise<readonly SyncRecord[]>;

/** Copies each live record. */
const chooseLive: ChooseRecords = async (_on, _target, { records }) =>
  records.filter(({ Value }) => Value !== null);

/**
 * Creates the store of merges of identities, on any `Database`.
 * @param choose decides which records are copied; by default, each live record
 */
export function createMergeStore(
  database: Database,
  { choose = chooseLive }: { choose?: ChooseRecords } = {},
): MergeStore {
  const writes = datasetWritesFor(database);
  return {
    async mergeDataset(source, into, targetOf, decide) {
      const merged = await transact(database, (transaction) =>
        mergeDataset(transaction, source, into, { targetOf, decide, choose, writes }),
      );
      if (merged === null) return [];
      await eraseDeleted(database, source, merged.deletion.deletedSyncCount);
      return merged.outboxIds;
    },

    async listPending(after, limit) {
      const values = [after && identityRowId(after.from), limit];
      const { rows } = await database.query<PendingMergeRow>(LIST_PENDING, values);
      return rows.map(toMerge);
    },

    async endPending({ from }) {
      const values = [identityRowId(from), from.identityPoolId, from.identityId];
      return (await changeOnce(database, END_PENDING, values)).rowsChanged === 1;
    },
  };
}

interface Deciding {
  targetOf: Parameters<MergeStore['mergeDataset']>[2];
  decide: Parameters<MergeStore['mergeDataset']>[3];
  choose: ChooseRecords;
  writes: DatasetWrites;
}

/** @returns null if nothing was written */
async function mergeDataset(
  on: Transaction,
  source: DatasetKey,
  into: string,
  { targetOf, decide, choose, writes }: Deciding,
): Promise<{ deletion: StoredDataset; outboxIds: string[] } | null> {
  // Every transaction that locks more than one dataset locks their identities first. So datasets may be locked in any
  // order: no other transaction holds the lock of one dataset while it waits for the lock of another dataset.
  await lockIdentities(on, source.identityPoolId, [source.identityId, into]);
  await on.query(LOCK_DATASET, [datasetId(source)]);
  const read = await readSource(on, source);
  if (read === null) return null;
  const target = targetOf(read.isCopy);
  await on.query(LOCK_DATASET, [datasetId(target.dataset)]);
  const readStored = async () => {
    const copy = await readSource(on, target.dataset);
    return copy && new Map(copy.records.map((record) => [record.Key, record]));
  };
  const records = await choose(on, target.dataset, { records: read.records, readStored });
  const keys = records.map(({ Key }) => Key);
  const snapshot = await readSnapshot(on, target.dataset, { keys, session: null });
  const merge = decide({ ...read, records, target: snapshot, targetKey: target.dataset });
  if (merge === null) return null;
  const { copy, deletion, events } = merge;
  if (copy !== null) requireWritten(await writes.writeCopy(on, target, copy, snapshot.dataset));
  requireWritten(await writes.writeMerged(on, source, deletion, read.source));
  const outboxIds = await writes.putEvents(on, source.identityPoolId, events);
  return { deletion, outboxIds };
}

function requireWritten(isWritten: boolean): void {
  if (!isWritten) throw new DatabaseError('the dataset changed while it was locked', '40001');
}

async function readSource(
  on: Transaction,
  source: DatasetKey,
): Promise<(Pick<MergeSnapshot, 'source' | 'records'> & { isCopy: boolean }) | null> {
  const { rows } = await on.query<MergeSourceRow>(READ_MERGE_SOURCE, [datasetId(source)]);
  const [first] = rows;
  if (!first) return null;
  return {
    source: toStoredDataset(first),
    isCopy: first.is_copy,
    records: rows.map(toRecordOrNull).filter((record) => record !== null),
  };
}

function toMerge(row: PendingMergeRow): Merge {
  return {
    from: { identityPoolId: row.identity_pool_id, identityId: row.identity_id },
    into: row.into_identity_id,
    mergedAt: row.merged_ms,
  };
}
