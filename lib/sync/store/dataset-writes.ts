import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Database, Transaction } from '../../database/database.ts';
import type { DatasetMerge, MergeTarget } from '../ports/merge-store.ts';
import type {
  CountedDataset,
  Creation,
  CreationConditions,
  DatasetUpdate,
  OutgoingEvent,
  Snapshot,
  StoredDataset,
  VersionedUpdate,
} from '../ports/sync-store.ts';
import type { CreatedRow } from './create-dataset-statements.ts';
import type { WrittenRow } from './dataset-write-parts.ts';
import type { VersionedRow } from './versioned-update-statements.ts';

export type WrittenAtVersion = Pick<WrittenRow, 'outbox_id' | 'subscribed'> &
  Omit<VersionedRow, 'added_storage'>;

/**
 * The statements that write datasets, in the form that the dialect needs. A change is written only if the dataset still
 * has the count and the date from which the change was decided. Otherwise nothing is written.
 */
export interface DatasetWrites {
  /** Runs `write` as its own transaction. `write` returns null if it wrote nothing. */
  alone<Result>(database: Database, write: (on: Transaction) => Promise<Result>): Promise<Result>;
  /**
   * Writes an update or a deletion.
   * @returns null if the dataset has changed since the snapshot, or the identity of an update was deleted
   */
  writeChange(
    on: Transaction,
    dataset: DatasetKey,
    update: DatasetUpdate,
    snapshot: Snapshot,
  ): Promise<WrittenRow | null>;
  /**
   * Creates a dataset.
   * @returns null if one statement cannot do this in the dialect; then the caller must use `SyncStore.change`
   */
  create(
    on: Transaction,
    dataset: DatasetKey,
    update: Creation,
    conditions: CreationConditions,
  ): Promise<CreatedRow | null>;
  /**
   * Writes an update whose sizes the database computes.
   * @returns null if nothing was written, for one of the reasons that `SyncStore.updateAt` lists
   */
  writeAtVersion(
    on: Transaction,
    dataset: DatasetKey,
    update: VersionedUpdate,
  ): Promise<WrittenAtVersion | null>;
  /** Writes the copy of a merge. @returns false if the target has changed since `before` was read */
  writeCopy(
    on: Transaction,
    target: MergeTarget,
    copy: NonNullable<DatasetMerge['copy']>,
    before: StoredDataset | null,
  ): Promise<boolean>;
  /**
   * Deletes a dataset that was merged. The records of the deleted dataset are erased later: together with the records of
   * the copy, they could be more rows than Aurora DSQL allows in one transaction.
   * @returns false if the dataset has changed since `before` was read
   */
  writeMerged(
    on: Transaction,
    source: DatasetKey,
    deletion: CountedDataset,
    before: StoredDataset,
  ): Promise<boolean>;
  /** Puts events into the outbox if streaming is enabled for the pool. @returns the ids of the written events */
  putEvents(on: Transaction, identityPoolId: string, events: readonly OutgoingEvent[]): Promise<string[]>;
}
