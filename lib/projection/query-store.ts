import type { DatasetKey } from '../common/dataset-key.ts';
import type { Version } from '../stream/stream-event.ts';
import type { RefusedDelivery, StreamPosition } from './delivery.ts';
import type { DatasetChange } from './fold-events.ts';

/** What the projection needs of a query store. Every call may be repeated: the second time changes nothing. */
export interface QueryStore {
  /** The stored versions of these datasets; those not stored are left out. */
  versionsOf(datasets: readonly DatasetKey[]): Promise<{ dataset: DatasetKey; version: Version }[]>;
  /**
   * Keeps the version given to a removal that came without one.
   * @returns the version it was given first: this one, unless the removal was delivered before
   */
  keepRemovalVersion(position: StreamPosition, version: Version): Promise<Version>;
  /**
   * Writes what is newer than what is stored, in the version order.
   * @returns how many records were changed; the others were not newer
   * @throws {ValueRefusedError} the database can never take one of the values
   */
  apply(changes: readonly DatasetChange[]): Promise<{ recordsChanged: number }>;
  /** Keeps deliveries that cannot be projected, with their data, one row per position on the stream. */
  quarantine(deliveries: readonly RefusedDelivery[]): Promise<void>;
  /**
   * Keeps how far a shard has been projected; the call with the newest arrival counts.
   * @param isKnown false where batches of one shard are projected side by side: then nobody knows how far
   */
  saveProgress(position: StreamPosition, about: { isKnown: boolean }): Promise<void>;
}
