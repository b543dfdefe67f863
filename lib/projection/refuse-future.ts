import type { DatasetKey } from '../common/dataset-key.ts';
import type { ReadableDelivery, RefusedDelivery } from './delivery.ts';
import { datasetKeyText } from './fold-events.ts';
import type { QueryStore } from './ports/query-store.ts';

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * Refuses events that are dated more than 24 hours after their arrival: the version of such an event is newer than the
 * versions of later writes, so these writes would have no effect.
 *
 * The exception is an event that is dated at most one hour after the newest known version of its dataset. In this case,
 * the service's clock was ahead and has been set back. The service dates the changes of a dataset in increasing order,
 * so its later writes to this dataset have still later dates. Accepting the event therefore blocks none of them.
 *
 * @param deliveries in stream order
 * @returns the deliveries in the same order
 */
export async function refuseFuture(
  store: Pick<QueryStore, 'versionsOf'>,
  deliveries: readonly (ReadableDelivery | RefusedDelivery)[],
): Promise<(ReadableDelivery | RefusedDelivery)[]> {
  const inFuture = deliveries.filter((delivery) => delivery.kind === 'readable').filter(isInFuture);
  if (inFuture.length === 0) return [...deliveries];
  const stored = await store.versionsOf(distinctDatasets(inFuture));
  const newest = new Map(
    stored.map(({ dataset, version }) => [datasetKeyText(dataset), version.lastModifiedDate]),
  );
  return deliveries.map((delivery) => {
    if (delivery.kind === 'refused') return delivery;
    const name = datasetKeyText(delivery.event.dataset);
    const date = newestDate(delivery);
    const known = newest.get(name) ?? Number.NEGATIVE_INFINITY;
    if (isInFuture(delivery) && date > known + HOUR_MS) return refused(delivery);
    if (date > known) newest.set(name, date);
    return delivery;
  });
}

function isInFuture(delivery: ReadableDelivery): boolean {
  return newestDate(delivery) > delivery.position.arrivedAt + DAY_MS;
}

/** Returns the newest date in the event. If the event has no date, returns its arrival time. */
function newestDate({ event, position }: ReadableDelivery): number {
  if (event.kind === 'removal') return event.lastModifiedDate ?? position.arrivedAt;
  return event.records.reduce(
    (newest, { version }) => Math.max(newest, version.lastModifiedDate),
    event.version.lastModifiedDate,
  );
}

function distinctDatasets(deliveries: readonly ReadableDelivery[]): DatasetKey[] {
  return [
    ...new Map(deliveries.map(({ event: { dataset } }) => [datasetKeyText(dataset), dataset])).values(),
  ];
}

function refused(delivery: ReadableDelivery): RefusedDelivery {
  const { position, data, event } = delivery;
  return {
    kind: 'refused',
    position,
    data,
    identityPoolId: event.dataset.identityPoolId,
    identityId: event.dataset.identityId,
    reason:
      'date-in-the-future: a lastModifiedDate is more than 24 hours after the arrival of the event; if a clock was set back, run `reconcile`, then `redrive`',
  };
}
