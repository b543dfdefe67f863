import type { DatasetKey } from '../common/dataset-key.ts';

/** When and as which change something was written: the service's time in epoch milliseconds, and the sync count. */
export interface Version {
  lastModifiedDate: number;
  syncCount: number;
}

/** One record of an event. A `value` of null is a removal: such a record is a tombstone. */
export interface StreamRecord {
  key: string;
  value: string | null;
  version: Version;
  /** The device's own clock, epoch milliseconds; not every client sends it. */
  deviceLastModifiedDate: number | null;
}

/** Records were written or removed; with no records only the dataset itself changed. */
export interface RecordsEvent {
  kind: 'records';
  dataset: DatasetKey;
  version: Version;
  records: StreamRecord[];
}

/** The whole dataset was removed. Its date and count may be missing (they are, as far as is known, optional here). */
export interface RemovalEvent {
  kind: 'removal';
  dataset: DatasetKey;
  lastModifiedDate: number | null;
  syncCount: number | null;
}

/** Records were written or removed, and lie behind a presigned URL because they were too many for the stream. */
export interface OffloadedEvent {
  kind: 'offloaded';
  dataset: DatasetKey;
  version: Version;
  operation: 'replace' | 'remove';
  url: string;
}

export type StreamEvent = RecordsEvent | RemovalEvent | OffloadedEvent;

/** The fixed word that a reason in quarantine starts with. */
export type StreamEventErrorReason =
  | 'not-json'
  | 'not-a-cognito-event'
  | 'kpl-aggregated'
  | 'offloaded-payload';

/** What kept data on the stream, or the payload it points to, from being Cognito's. Never quotes the data. */
export class StreamEventError extends Error {
  override name = 'StreamEventError';
  readonly reason: StreamEventErrorReason;

  constructor(reason: StreamEventErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
