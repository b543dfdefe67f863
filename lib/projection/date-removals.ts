import type { Version } from '../stream/stream-event.ts';
import type { ReadableDelivery } from './delivery.ts';
import { datasetKeyText, type FoldableEvent } from './fold-events.ts';
import { newest } from './version.ts';

/** Whether the event is a removal that does not contain the complete version of the removed dataset. */
export function isUndatedRemoval({ event }: ReadableDelivery): boolean {
  return event.kind === 'removal' && (event.lastModifiedDate === null || event.syncCount === null);
}

/**
 * Completes the version of each removal whose date or count is missing, from the newest version of the dataset that is
 * known when the removal arrives. Known versions are those in the store and those of the preceding events in the batch.
 * A missing date is the date of that version. A missing count is the count of that version plus one, because a removal
 * increments the count. If no version is known, the date is the arrival time and the count is 0. An assigned date is
 * never later than the arrival.
 *
 * This is the only step of the projection whose result depends on the order of events: a removal without a version can
 * only mean "everything up to now". The assigned version is a proposal. If the removal was delivered before, the
 * version that was stored for it then takes precedence (see `QueryStore.keepRemovalVersion`).
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
      syncCount: event.syncCount ?? (before ? before.syncCount + 1 : 0),
    };
    known.set(name, newest(version, before ?? null));
    return { kind: 'removal', dataset: event.dataset, version };
  });
}
