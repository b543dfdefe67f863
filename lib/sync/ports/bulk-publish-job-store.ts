import type { DatasetKey } from '../../common/dataset-key.ts';
import type { SyncRecord } from '../model.ts';
import type { OutgoingEvent, StoredDataset } from './sync-store.ts';

/** The publishing of all datasets of a pool to its stream. A pool has one at a time; the last is kept. */
export interface BulkPublishJob {
  bulkPublishId: string;
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  startedAt: number;
  /** Null while it is in progress. */
  completedAt: number | null;
  /** Null unless it failed. */
  failureMessage: string | null;
}

/** How far a bulk publish in progress is. */
export interface BulkPublishJobProgress {
  /** Whether the pool streams now. */
  streaming: boolean;
  /** Why it does not, where the service itself disabled it. */
  disabledReason: string | null;
  /** Events of it in the outbox that are to be published. */
  waiting: number;
  /** Events of it that were set aside, because the stream refused them for good. */
  parked: number;
  /** No dataset is left whose event is not in the outbox yet. */
  allInOutbox: boolean;
}

/** A dataset that exists, with all of its records, tombstones included, read at one moment. */
export interface WholeDataset {
  key: DatasetKey;
  dataset: Pick<StoredDataset, 'syncCount' | 'lastModifiedDate'>;
  records: SyncRecord[];
}

export type BulkPublishJobStep =
  /** Nothing can be done for now. */
  | { kind: 'wait' }
  /** The events of the next datasets are put into the outbox; there are at most so many datasets. */
  | { kind: 'put'; datasets: number }
  | ({ kind: 'end' } & Pick<BulkPublishJob, 'failureMessage'> & { status: 'SUCCEEDED' | 'FAILED' });

/** What bulk publishes need of a database. */
export interface BulkPublishJobStore {
  /** The last of a pool; null where there never was one. */
  read(identityPoolId: string): Promise<BulkPublishJob | null>;
  /**
   * Begins one in place of the last, `previousId`, null where there was none.
   * A later change of the pool's streaming ends it as FAILED, in the change itself.
   *
   * @returns false where another has been begun meanwhile, and this one has not
   */
  begin(identityPoolId: string, startedAt: number, previousId: string | null): Promise<boolean>;
  /** The pools whose bulk publish is in progress. */
  listInProgress(): Promise<string[]>;
  /**
   * One step of a pool's bulk publish, in one transaction: of several runners at once each goes on from what the one
   * before it left. `decide` and `toEvents` run again where the database asks for another try.
   *
   * @param at epoch milliseconds, for one that ends
   * @returns what was done; null where none is in progress (any more)
   */
  step(
    identityPoolId: string,
    options: {
      at: number;
      decide: (progress: BulkPublishJobProgress) => BulkPublishJobStep;
      toEvents: (whole: WholeDataset) => OutgoingEvent[];
    },
  ): Promise<BulkPublishJobStep | null>;
}
