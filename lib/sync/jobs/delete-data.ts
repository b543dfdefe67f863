import pLimit from 'p-limit';
import type { DatasetKey } from '../../common/dataset-key.ts';
import { afterCommit } from '../after-commit.ts';
import { deletionEvent } from '../build-stream-event.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { deletionOf } from '../next-dataset.ts';
import { exists, type Snapshot } from '../ports/sync-store.ts';

/**
 * Maximum number of datasets deleted concurrently: the default number of connections of a pool
 * (lib/database/drivers/pg/open-pg.ts).
 */
const CONCURRENCY = 4;
/** Datasets read per query. */
const PAGE_SIZE = 200;
/**
 * Maximum number of passes. Data that is written during a pass makes another pass necessary. Without this limit, a
 * writer that never stops would make the loop endless.
 */
const MAX_PASSES = 50;
/**
 * Maximum number of consecutive passes that remove nothing, with a pause after each. Passes remove nothing while other
 * transactions hold locks on the remaining rows.
 */
const MAX_IDLE_PASSES = 10;
const PAUSE_MS = 200;

export interface DeleteDataDeps extends Pick<SyncDependencies, 'store' | 'now' | 'afterWrite'> {
  sleep: (ms: number) => Promise<unknown>;
}

/** The data of one deleted pool or identity. */
export interface DeletedData {
  /** Returns whether any data is left. */
  isLeft(): Promise<boolean>;
  /** Removes merges that would create new datasets. @returns the number of merges removed */
  removePendingMerges(): Promise<number>;
  /** Returns existing datasets that follow the dataset `after`, in the store's own order. */
  listDatasets(after: DatasetKey | null, limit: number): Promise<DatasetKey[]>;
  /** Returns whether the dataset in this snapshot still belongs to the deleted data. */
  includes(snapshot: Snapshot): boolean;
  /** Removes everything except existing datasets. @returns the number of rows removed */
  removeRows(): Promise<number>;
}

/**
 * Deletes the data of a deleted pool or identity. Each dataset is deleted as DeleteDataset does, so that the stream
 * receives a removal event. Then the rest is removed, including the counts and dates that DeleteDataset keeps.
 *
 * If a call is interrupted, or more data is written in the meantime, the next call deletes the rest.
 *
 * @returns whether nothing is left; false if other transactions lock or write data for longer than this function waits
 * @throws {DatabaseError} part of the data may be deleted
 */
export async function deleteData(deps: DeleteDataDeps, data: DeletedData): Promise<boolean> {
  let idle = 0;
  for (let pass = 1; pass <= MAX_PASSES && idle < MAX_IDLE_PASSES; pass += 1) {
    if (!(await data.isLeft())) return true;
    const removed = await deleteOnce(deps, data);
    idle = removed > 0 ? 0 : idle + 1;
    if (idle > 0) await deps.sleep(PAUSE_MS);
  }
  return !(await data.isLeft());
}

/** @returns the number of merges, datasets and rows removed */
async function deleteOnce(deps: DeleteDataDeps, data: DeletedData): Promise<number> {
  const merges = await data.removePendingMerges();
  const datasets = await deleteDatasets(deps, data);
  return merges + datasets + (await data.removeRows());
}

/** @returns the number of datasets deleted */
async function deleteDatasets(deps: DeleteDataDeps, data: DeletedData): Promise<number> {
  const limit = pLimit(CONCURRENCY);
  let deleted = 0;
  let last: DatasetKey | null = null;
  for (;;) {
    const page: DatasetKey[] = await data.listDatasets(last, PAGE_SIZE);
    const outcomes = await limit.map(page, (dataset) => deleteDataset(deps, data, dataset));
    deleted += outcomes.filter(Boolean).length;
    last = page.at(-1) ?? null;
    if (page.length < PAGE_SIZE) return deleted;
  }
}

/** @returns false if the dataset is gone, or no longer belongs to the deleted data */
async function deleteDataset(
  { store, now, afterWrite }: DeleteDataDeps,
  { includes }: DeletedData,
  key: DatasetKey,
): Promise<boolean> {
  const about = { keys: [], session: null };
  const { answer, outboxId } = await store.change(key, about, (snapshot) => {
    const { dataset: before } = snapshot;
    if (!includes(snapshot) || !exists(before)) return { update: null, answer: false };
    const dataset = deletionOf(before, before.lastModifiedBy, now());
    return {
      update: { dataset, records: [], spend: null, event: deletionEvent(key, dataset) },
      answer: true,
    };
  });
  await afterCommit(outboxId, afterWrite);
  return answer;
}
