import type { DatasetKey } from '../../common/dataset-key.ts';
import type { SyncRecord } from '../model.ts';
import type { OutgoingEvent, StoredDataset } from './sync-store.ts';

/**
 * A job that publishes all datasets of a pool to its stream. A pool has at most one job at a time. After the job has
 * ended, the store keeps it until the next job replaces it.
 */
export interface BulkPublishJob {
  bulkPublishId: string;
  status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED';
  startedAt: number;
  /** Null while the job is in progress. */
  completedAt: number | null;
  /** Null unless the job failed. */
  failureMessage: string | null;
}

/** The progress of a bulk publish that has not ended. */
export interface BulkPublishJobProgress {
  /** Whether the pool streams now. */
  streaming: boolean;
  /** Why the service itself disabled streaming; null if the service did not disable streaming. */
  disabledReason: string | null;
  /** Events of the job that are in the outbox and will be published. */
  waiting: number;
  /**
   * Events of the job that are no longer retried, because the stream permanently rejected them. Counted only once all
   * other events of the job are published; until then 0.
   */
  parked: number;
  /** Whether the events of all datasets have been put into the outbox. */
  allInOutbox: boolean;
}

/** An existing dataset with all its records, tombstones included, read at one point in time. */
export interface WholeDataset {
  key: DatasetKey;
  dataset: Pick<StoredDataset, 'syncCount' | 'lastModifiedDate'>;
  records: SyncRecord[];
}

/** An event of a part of a dataset's records. */
export interface PartEvent {
  event: OutgoingEvent;
  /** Number of records in the event. */
  records: number;
}

export type BulkPublishJobStep =
  /** Nothing can be done now. */
  | { kind: 'wait' }
  /** Puts the next events, of at most this many datasets and at most this many events, into the outbox. */
  | { kind: 'put'; datasets: number }
  | ({ kind: 'end' } & Pick<BulkPublishJob, 'failureMessage'> & { status: 'SUCCEEDED' | 'FAILED' });

/** The database operations of bulk publishes. */
export interface BulkPublishJobStore {
  /** Returns the latest job of a pool; null if the pool never had a job. */
  read(identityPoolId: string): Promise<BulkPublishJob | null>;
  /**
   * Starts a job, which replaces the pool's latest job, `previousId` (null if the pool never had a job). A later change
   * of the pool's streaming ends the job as FAILED, in the transaction of that change.
   *
   * @returns false if another job was started in the meantime; then the new job is not started
   */
  begin(identityPoolId: string, startedAt: number, previousId: string | null): Promise<boolean>;
  /** Returns the pools whose bulk publish is in progress. */
  listInProgress(): Promise<string[]>;
  /**
   * Takes one step of a pool's bulk publish in one transaction. Concurrent runners are serialized: each runner
   * continues from the state that the previous runner left. `decide` and `toEvents` run again if the database asks for
   * a retry.
   *
   * A step puts fewer events into the outbox if they are large, and continues within a dataset whose events are too large
   * for one transaction.
   *
   * @param at epoch milliseconds; becomes the completion time if the job ends
   * @returns the step taken; null if no job is in progress (any more)
   */
  step(
    identityPoolId: string,
    options: {
      at: number;
      decide: (progress: BulkPublishJobProgress) => BulkPublishJobStep;
      /** Returns at least one event. The events contain the records in order. */
      toEvents: (whole: WholeDataset) => PartEvent[];
    },
  ): Promise<BulkPublishJobStep | null>;
}
