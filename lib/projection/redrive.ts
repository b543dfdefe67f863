import { type FetchPayload, PayloadUnavailableError } from '../stream/ports/fetch-payload.ts';
import type { Delivery, ReadableDelivery, RefusedDelivery } from './delivery.ts';
import type { QuarantinedDelivery, QuarantineStore } from './ports/quarantine-store.ts';
import type { QueryStore } from './ports/query-store.ts';
import { projectBatch } from './project-batch.ts';
import { readDelivery } from './read-delivery.ts';

/** The result of redriving deliveries, which means projecting them again. */
export interface RedriveOutcome {
  projected: number;
  /** Number of deliveries whose payload is unavailable for now. Another attempt may succeed. */
  unavailable: number;
  /** Deliveries that cannot be projected, counted by the constant prefix of their reason. */
  refused: ReadonlyMap<string, number>;
}

interface RedriveDeps {
  store: QueryStore & QuarantineStore;
  fetchPayload: FetchPayload;
}

/** Deliveries per page. The data of one delivery can be a megabyte. */
const PAGE_SIZE = 50;

/** Maximum bytes of fetched payloads in memory. This amount also fits into the memory of a Lambda function. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Projects the deliveries in quarantine. Marks each delivery that was projected, and updates the stored reason of each
 * delivery that still cannot be projected. The version order makes redriving safe at any time: rows that are newer than
 * a delivery stay in the store.
 *
 * @param deps `isDismissing`: also marks each delivery that cannot be projected as redriven, so that it no longer
 *   counts as waiting. Its reason remains stored. Deliveries whose payload is unavailable for now are never marked
 * @throws any error of the store; what was done before the error stays done
 */
export async function redriveQuarantine({
  store,
  fetchPayload,
  isDismissing = false,
}: RedriveDeps & { isDismissing?: boolean }): Promise<RedriveOutcome> {
  const tally = createTally();
  let last: QuarantinedDelivery | null = null;
  for (;;) {
    const page: QuarantinedDelivery[] = await store.readQuarantined(last, PAGE_SIZE);
    for (const { quarantineId, reason, delivery } of page) {
      const result = await projectAgain({ store, fetchPayload }, delivery);
      if (result.outcome === 'unavailable') {
        tally.unavailable();
        continue;
      }
      if (result.outcome === 'refused') {
        if (result.reason !== reason) await store.keepReason(quarantineId, result.reason);
        tally.refused(result.reason);
      }
      const isDismissed = result.outcome !== 'projected';
      if (!isDismissed || isDismissing) await store.markRedriven(quarantineId, { isDismissed });
      if (result.outcome === 'projected') tally.projected();
    }
    if (page.length < PAGE_SIZE) return tally.outcome();
    last = page.at(-1) ?? null;
  }
}

export interface RedriveOptions {
  edited?: Uint8Array | undefined;
  isAgain?: boolean | undefined;
}

/** The result of redriving one delivery in quarantine. */
export type RedrivenEvent =
  /**
   * `records` counts the newest record of each key; `recordsChanged` counts those that were newer than the stored ones.
   */
  | { outcome: 'projected'; records: number; recordsChanged: number }
  /** The delivery cannot be projected; the reason never quotes the data. */
  | { outcome: 'refused'; reason: string }
  /** The payload is unavailable for now; another attempt may succeed. */
  | { outcome: 'unavailable' }
  /** No delivery in quarantine has this id. */
  | { outcome: 'not-found' }
  /** The delivery was projected or dismissed before, so nothing was done. */
  | { outcome: 'settled' };

/**
 * Projects one delivery in quarantine. Marks the delivery if it was projected.
 *
 * @param options `isAgain`: whether the delivery is projected even if it was projected or dismissed before. `edited`:
 *   data to project instead of the stored data. It is decoded and checked like the data of any delivery. The stored
 *   data never changes. The stored reason does not change either if the edited data cannot be projected
 * @throws any error of the store
 */
export async function redriveEvent(
  { store, fetchPayload }: RedriveDeps,
  quarantineId: string,
  { edited, isAgain = false }: RedriveOptions = {},
): Promise<RedrivenEvent> {
  const event = await store.find(quarantineId);
  if (event === null) return { outcome: 'not-found' };
  if (event.redrivenAt !== null && !isAgain) return { outcome: 'settled' };
  const delivery = edited === undefined ? event.delivery : { ...event.delivery, data: edited };
  const result = await projectAgain({ store, fetchPayload }, delivery);
  if (result.outcome === 'projected') await store.markRedriven(quarantineId, { isDismissed: false });
  const isNewReason = result.outcome === 'refused' && result.reason !== event.reason;
  if (isNewReason && edited === undefined) await store.keepReason(quarantineId, result.reason);
  return result;
}

/**
 * Projects a delivery that is in quarantine already. `store.quarantine` would not replace the stored reason, so the new
 * reason is returned instead.
 */
async function projectAgain(
  { store, fetchPayload }: RedriveDeps,
  delivery: Delivery,
): Promise<Exclude<RedrivenEvent, { outcome: 'not-found' | 'settled' }>> {
  const read = await tryToRead(delivery, fetchPayload);
  if (read === null) return { outcome: 'unavailable' };
  let reason: string | undefined;
  const quarantine = async ([refused]: readonly RefusedDelivery[]) => {
    reason = refused?.reason;
  };
  const { records, recordsChanged } = await projectBatch({ ...store, quarantine }, [read]);
  return reason === undefined
    ? { outcome: 'projected', records, recordsChanged }
    : { outcome: 'refused', reason };
}

/**
 * Projects deliveries that an event source mapping discarded. Quarantines the deliveries that cannot be projected.
 *
 * @param deps `maxBytes`: once the payloads of the deliveries read so far have this many bytes, these deliveries are
 *   projected before more payloads are fetched
 * @throws any error of the store; what was done before the error stays done
 */
export async function redriveDeliveries(
  deliveries: readonly Delivery[],
  { store, fetchPayload, maxBytes = MAX_BYTES }: RedriveDeps & { maxBytes?: number },
): Promise<RedriveOutcome> {
  const tally = createTally();
  let read: (ReadableDelivery | RefusedDelivery)[] = [];
  let bytes = 0;
  const fetchCounted: FetchPayload = async (url) => {
    const payload = await fetchPayload(url);
    bytes += payload.length;
    return payload;
  };
  const quarantine = async (refused: readonly RefusedDelivery[]) => {
    await store.quarantine(refused);
    for (const { reason } of refused) tally.refused(reason);
  };
  const project = async () => {
    const { quarantined } = await projectBatch({ ...store, quarantine }, read);
    tally.projected(read.length - quarantined);
    read = [];
    bytes = 0;
  };
  for (const delivery of deliveries) {
    const result = await tryToRead(delivery, fetchCounted);
    if (result === null) tally.unavailable();
    else read.push(result);
    if (bytes >= maxBytes) await project();
  }
  await project();
  return tally.outcome();
}

/** @returns null if the payload is unavailable for now */
async function tryToRead(
  delivery: Delivery,
  fetchPayload: FetchPayload,
): Promise<ReadableDelivery | RefusedDelivery | null> {
  try {
    return await readDelivery(delivery, fetchPayload);
  } catch (error) {
    if (error instanceof PayloadUnavailableError) return null;
    throw error;
  }
}

function createTally() {
  let projected = 0;
  let unavailable = 0;
  const refused = new Map<string, number>();
  return {
    projected: (count = 1) => {
      projected += count;
    },
    unavailable: () => {
      unavailable += 1;
    },
    refused(reason: string) {
      const [prefix = ''] = reason.split(':', 1);
      refused.set(prefix, (refused.get(prefix) ?? 0) + 1);
    },
    outcome: (): RedriveOutcome => ({ projected, unavailable, refused }),
  };
}
