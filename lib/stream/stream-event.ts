import type { DatasetKey } from '../common/dataset-key.ts';

/** The version of a write: the service's time in epoch milliseconds, and the sync count. */
export interface Version {
  lastModifiedDate: number;
  syncCount: number;
}

/** One record of an event. A `value` of null means that the record was removed, so it is a tombstone. */
export interface StreamRecord {
  key: string;
  value: string | null;
  version: Version;
  /** Time of the device's clock in epoch milliseconds. Null if the client did not send it. */
  deviceLastModifiedDate: number | null;
}

/** Records were written or removed. If there are no records, only the dataset itself changed. */
export interface RecordsEvent {
  kind: 'records';
  dataset: DatasetKey;
  version: Version;
  records: StreamRecord[];
}

/**
 * The entire dataset was removed. The date and the count may be missing: as far as is known, they are optional in this
 * event.
 */
export interface RemovalEvent {
  kind: 'removal';
  dataset: DatasetKey;
  lastModifiedDate: number | null;
  syncCount: number | null;
}

/**
 * Records were written or removed. The records are behind a presigned URL, because they are too large for the stream.
 */
export interface OffloadedEvent {
  kind: 'offloaded';
  dataset: DatasetKey;
  version: Version;
  operation: 'replace' | 'remove';
  url: string;
}

export type StreamEvent = RecordsEvent | RemovalEvent | OffloadedEvent;

/** The kind of a `StreamEventError`. The reason stored with a quarantined delivery starts with it. */
export type StreamEventErrorReason =
  | 'not-json'
  | 'not-a-cognito-event'
  | 'kpl-aggregated'
  | 'offloaded-payload';

/**
 * The data on the stream, or the payload that it points to, does not have Cognito's format. The message never quotes
 * the data.
 */
export class StreamEventError extends Error {
  override name = 'StreamEventError';
  readonly reason: StreamEventErrorReason;

  constructor(reason: StreamEventErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
