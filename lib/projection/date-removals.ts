import type { Version } from '../stream/stream-event.ts';
import type { ReadableDelivery } from './delivery.ts';
import { datasetKeyText, type FoldableEvent } from './fold-events.ts';
import { newest } from './version.ts';

/** Whether the event is a removal that does not contain the version of the removed dataset. */
export function isUndatedRemoval({ event }: ReadableDelivery): boolean {
  return event.kind === 'removal' && (event.lastModifiedDate === null || event.syncCount === null);
}

/**
 * Assigns a version to removals whose date or count is missing: the dataset's version as known when the removal
 * arrived. The version is taken from the preceding events in the batch. If the batch has no such events, the version is
 * taken from the store. If the store does not know the dataset, the version is the arrival time. The version is never
 * later than the arrival.
 *
 * This is the only rule that depends on the order of events. A removal without a version can only mean "everything up
 * to now". The assigned version is a proposal: a removal that is delivered again keeps its first version.
 *
 * @param stored versions in the store, by `datasetKeyText`
 */
export function dateRemovals(
  deliveries: readonly ReadableDelivery[],
  stored: ReadonlyMap<string, Version>,
): FoldableEvent[] {
  const known = new Map(stored);
  return deliveries.map(({ event, position }) => {
    const name = datasetKeyText(event.dataset);
    const before = known.get(name);
    if (event.kind === 'records') {
      const version = event.records.reduce(
        (newestYet, record) => newest(newestYet, record.version),
        event.version,
      );
      known.set(name, newest(version, before ?? null));
      return event;
    }
    const version = {
      lastModifiedDate:
        event.lastModifiedDate ??
        Math.min(before?.lastModifiedDate ?? position.arrivedAt, position.arrivedAt),
      syncCount: event.syncCount ?? before?.syncCount ?? 0,
    };
    known.set(name, newest(version, before ?? null));
    return { kind: 'removal', dataset: event.dataset, version };
  });
}
