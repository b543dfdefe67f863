import { dateRemovals, isUndatedRemoval } from './date-removals.ts';
import type { ReadableDelivery } from './delivery.ts';
import { datasetKeyText, type FoldableEvent } from './fold-events.ts';
import type { QueryStore } from './ports/query-store.ts';

/**
 * Completes the version of each removal whose date or count is missing, and stores this version. If the removal was
 * delivered before, uses the version that was stored then.
 */
export async function completeRemovals(
  store: Pick<QueryStore, 'versionsOf' | 'keepRemovalVersion'>,
  deliveries: readonly ReadableDelivery[],
): Promise<FoldableEvent[]> {
  const undated = deliveries.filter(isUndatedRemoval).map(({ event }) => event.dataset);
  const stored = undated.length > 0 ? await store.versionsOf(undated) : [];
  const versions = new Map(stored.map(({ dataset, version }) => [datasetKeyText(dataset), version]));
  const events = dateRemovals(deliveries, versions);
  for (const [index, delivery] of deliveries.entries()) {
    const event = events[index];
    if (!event || !isUndatedRemoval(delivery)) continue;
    events[index] = { ...event, version: await store.keepRemovalVersion(delivery.position, event.version) };
  }
  return events;
}
