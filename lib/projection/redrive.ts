import { type FetchPayload, PayloadUnavailableError } from '../stream/payload.ts';
import type { Delivery, ReadableDelivery, RefusedDelivery } from './delivery.ts';
import { projectBatch, VALUE_REFUSED } from './project-batch.ts';
import type { QuarantinedDelivery, QuarantineStore } from './quarantine-store.ts';
import type { QueryStore } from './query-store.ts';
import { readDelivery } from './read-delivery.ts';

/** What became of deliveries that were tried once more. */
export interface RedriveOutcome {
  projected: number;
  /** Not to be had for now: another try may help. */
  unavailable: number;
  /** Those that cannot be projected, by the fixed word that their reason starts with. */
  refused: ReadonlyMap<string, number>;
}

interface RedriveDeps {
  store: QueryStore & QuarantineStore;
  fetchPayload: FetchPayload;
}

/** With their data, of which each may have a megabyte. */
const PAGE = 50;

/** Of fetched payloads: so much fits into a function's memory, too. */
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Tries once more to project what lies in quarantine. What works is marked, and what does not stays with its reason as
 * it is now. The version order makes it safe at any time: what is newer in the store stays.
 *
 * @param deps `isDismissing`: what cannot be projected as it is counts as redriven from now on; its reason stays. What is
 *   not to be had for now is left
 * @throws whatever the store throws; what was done until then is done
 */
export async function redriveQuarantine({
  store,
  fetchPayload,
  isDismissing = false,
}: RedriveDeps & { isDismissing?: boolean }): Promise<RedriveOutcome> {
  const tally = createTally();
  let last: QuarantinedDelivery | null = null;
  for (;;) {
    const page: QuarantinedDelivery[] = await store.readQuarantined(last, PAGE);
    for (const { quarantineId, reason, delivery } of page) {
      const read = await tryToRead(delivery, fetchPayload);
      if (read === null) {
        tally.unavailable();
        continue;
      }
      // It lies in quarantine already, and would stay there with the reason it came with.
      const quarantine = async (refused: readonly RefusedDelivery[]) => {
        for (const today of refused) {
          if (today.reason !== reason) await store.keepReason(quarantineId, today.reason);
          tally.refused(today.reason);
        }
      };
      const { quarantined } = await projectBatch({ ...store, quarantine }, [read]);
      if (quarantined === 0 || isDismissing) await store.markRedriven(quarantineId);
      if (quarantined === 0) tally.projected();
    }
    if (page.length < PAGE) return tally.outcome();
    last = page.at(-1) ?? null;
  }
}

/**
 * Projects deliveries that an event source mapping had given up. What cannot be projected goes into quarantine.
 *
 * @param deps `maxBytes`: with so many bytes of payloads at hand no more are fetched before these are projected
 * @throws whatever the store throws; what was done until then is done
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
  const project = async () => {
    const refused = read.filter((one) => one.kind === 'refused');
    for (const { reason } of refused) tally.refused(reason);
    const { quarantined } = await projectBatch(store, read);
    tally.refused(VALUE_REFUSED, quarantined - refused.length);
    tally.projected(read.length - quarantined);
    read = [];
    bytes = 0;
  };
  for (const delivery of deliveries) {
    const one = await tryToRead(delivery, fetchCounted);
    if (one === null) tally.unavailable();
    else read.push(one);
    if (bytes >= maxBytes) await project();
  }
  await project();
  return tally.outcome();
}

/** @returns null where the payload cannot be had for now */
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
    refused(reason: string, count = 1) {
      if (count === 0) return;
      const [word = ''] = reason.split(':', 1);
      refused.set(word, (refused.get(word) ?? 0) + count);
    },
    outcome: (): RedriveOutcome => ({ projected, unavailable, refused }),
  };
}
