import { randomUUID } from 'node:crypto';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { plainArray, textArray } from '../../database/array-literal.ts';
import { type Database, DatabaseError, type SqlValue, type Transaction } from '../../database/database.ts';
import { datasetId, identityRowId } from '../../database/row-ids.ts';
import type { Merge, MergeSnapshot, MergeStore } from '../ports/merge-store.ts';
import type { OutgoingEvent, StoredDataset } from '../ports/sync-store.ts';
import { readSnapshot } from './change-dataset.ts';
import { eraseDeleted } from './erase-deleted.ts';
import {
  END_PENDING,
  LIST_PENDING,
  type MergeSourceRow,
  type PendingMergeRow,
  PUT_CHANGES,
  READ_MERGE_SOURCE,
  WRITE_COPY,
  WRITE_MERGED,
} from './merge-statements.ts';
import { toPartColumns } from './payload-parts.ts';
import type { SnapshotCache } from './snapshot-cache.ts';
import { toDatasetValues, toRecordColumns, toRecordOrNull, toStoredDataset } from './sync-rows.ts';
import { LOCK_DATASET, LOCK_IDENTITY } from './sync-statements.ts';

/**
 * Creates the store of merges of identities, on any `Database`.
 * @param cache the cache of the sync store, if that store is in the same process. A merge removes the changed datasets
 *   from this cache. Otherwise the sync store's next change of such a dataset takes one more round trip, because its
 *   cached snapshot is stale.
 */
export function createMergeStore(
  database: Database,
  cache: Pick<SnapshotCache, 'forget'> = { forget: () => undefined },
): MergeStore {
  return {
    async mergeDataset(source, into, targetOf, decide) {
      const merged = await database.transaction((transaction) =>
        mergeDataset(transaction, source, into, { targetOf, decide }),
      );
      if (merged === null) return [];
      cache.forget(source);
      cache.forget(merged.target);
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
      return (await database.query(END_PENDING, values)).rowsChanged === 1;
    },
  };
}

interface Deciding {
  targetOf: Parameters<MergeStore['mergeDataset']>[2];
  decide: Parameters<MergeStore['mergeDataset']>[3];
}

/** @returns null if nothing was written */
async function mergeDataset(
  on: Transaction,
  source: DatasetKey,
  into: string,
  { targetOf, decide }: Deciding,
): Promise<{ target: DatasetKey; deletion: StoredDataset; outboxIds: string[] } | null> {
  await lockIdentities(on, source, into);
  await on.query(LOCK_DATASET, [datasetId(source)]);
  const read = await readSource(on, source);
  if (read === null) return null;
  const target = targetOf(read.isCopy);
  await on.query(LOCK_DATASET, [datasetId(target.dataset)]);
  const keys = read.records.map(({ Key }) => Key);
  const snapshot = await readSnapshot(on, target.dataset, { keys, session: null });
  const merge = decide({ ...read, target: snapshot, targetKey: target.dataset });
  if (merge === null) return null;
  const { copy, deletion, events } = merge;
  if (copy !== null) {
    const values = [
      ...toDatasetValues(target.dataset, copy.dataset, snapshot.dataset),
      datasetId(target.root),
    ];
    await write(on, WRITE_COPY, [...values, ...toRecordColumns(copy.records)]);
  }
  await write(on, WRITE_MERGED, toDatasetValues(source, deletion, read.source));
  return { target: target.dataset, deletion, outboxIds: await putEvents(on, source, events) };
}

/**
 * Locks the two identities of a merge in the order of their keys, so that two merges do not deadlock. Every transaction
 * that locks more than one dataset locks their identities first. So datasets may be locked in any order: no other
 * transaction holds the lock of one dataset while it waits for the lock of another dataset.
 */
async function lockIdentities(
  on: Transaction,
  { identityPoolId, identityId }: DatasetKey,
  into: string,
): Promise<void> {
  const rows = [identityId, into].map((id) => [
    identityRowId({ identityPoolId, identityId: id }),
    identityPoolId,
    id,
  ]);
  rows.sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  for (const values of rows) await on.query(LOCK_IDENTITY, values);
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

async function write(on: Transaction, sql: string, values: readonly SqlValue[]): Promise<void> {
  const { rows } = await on.query(sql, values);
  if (rows.length === 0) throw new DatabaseError('the dataset changed while it was locked', '40001');
}

async function putEvents(
  on: Transaction,
  { identityPoolId }: DatasetKey,
  events: readonly OutgoingEvent[],
): Promise<string[]> {
  const { starts, parts } = toPartColumns(events.map(({ payload }) => payload));
  const { rows } = await on.query<{ outbox_id: string }>(PUT_CHANGES, [
    identityPoolId,
    plainArray(events.map(() => randomUUID())),
    textArray(events.map(({ partitionKey }) => partitionKey)),
    textArray(events.map(({ data }) => data)),
    plainArray(events.map(({ payload }) => payload?.payloadId ?? null)),
    textArray(starts),
    plainArray(events.map(({ payload }) => payload?.expiresAt ?? null)),
    plainArray(events.map(({ partitionKey: identityId }) => identityRowId({ identityPoolId, identityId }))),
    ...parts,
  ]);
  return rows.map((row) => row.outbox_id);
}

function toMerge(row: PendingMergeRow): Merge {
  return {
    from: { identityPoolId: row.identity_pool_id, identityId: row.identity_id },
    into: row.into_identity_id,
    mergedAt: row.merged_ms,
  };
}
