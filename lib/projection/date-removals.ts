import type { Version } from '../stream/stream-event.ts';
import type { ReadableDelivery } from './delivery.ts';
import { datasetKeyText, type FoldableEvent } from './fold-events.ts';
import { newest } from './version.ts';

/** True for a removal that does not say which version of its dataset it removed. */
export function isUndatedRemoval({ event }: ReadableDelivery): boolean {
  return event.kind === 'removal' && (event.lastModifiedDate === null || event.syncCount === null);
}

/**
 * Gives removals that miss their date or count those of the dataset as it was known when they arrived: of the
 * events before them here, of the store, else the time of arrival. The one rule that depends on the order of
 * events: a removal without a version can only mean "all there was until now". Never later than its arrival. What it
 * gives is a proposal: a removal delivered once more keeps the version it was given first.
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
