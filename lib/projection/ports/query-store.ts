import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Version } from '../../stream/stream-event.ts';
import type { RefusedDelivery, StreamPosition } from '../delivery.ts';
import type { DatasetChange } from '../fold-events.ts';

/**
 * The part of a query store that the projection uses. Every call is idempotent. The store ignores changes and deliveries
 * of erased identities: their data must not come back.
 */
export interface QueryStore {
  /** Returns the stored versions of these datasets. Omits datasets that are not stored. */
  versionsOf(datasets: readonly DatasetKey[]): Promise<{ dataset: DatasetKey; version: Version }[]>;
  /**
   * Stores the version assigned to a removal that arrived without a version.
   *
   * @returns the version that was assigned first: `version`, unless the removal was delivered before
   */
  keepRemovalVersion(position: StreamPosition, version: Version): Promise<Version>;
  /**
   * Writes the changes that are newer than the stored data, in the version order.
   *
   * @returns the number of changed records; the other records were not newer than the stored records
   * @throws {ValueRefusedError} the database can never store one of the values
   */
  apply(changes: readonly DatasetChange[]): Promise<{ recordsChanged: number }>;
  /** Stores deliveries that cannot be projected, with their data: one row per stream position. */
  quarantine(deliveries: readonly RefusedDelivery[]): Promise<void>;
  /**
   * Stores how far a shard has been projected, unless the stored position has a higher sequence number and a later
   * arrival.
   *
   * @param isKnown false if batches of one shard are projected concurrently, because the progress is then unknown
   */
  saveProgress(position: StreamPosition, about: { isKnown: boolean }): Promise<void>;
}
