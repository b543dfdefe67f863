import { ValueRefusedError } from '../common/errors.ts';
import { completeRemovals } from './complete-removals.ts';
import type { ReadableDelivery, RefusedDelivery } from './delivery.ts';
import { foldEvents } from './fold-events.ts';
import type { QueryStore } from './ports/query-store.ts';
import { refuseFuture } from './refuse-future.ts';

/** Prefix of the reason if the database rejected a value of the event. No earlier check detects such a value. */
const VALUE_REFUSED = 'value-refused';

/** The result of a batch. Contains only counts, so it can be logged. */
export interface BatchOutcome {
  events: number;
  /** Number of records, if only the newest record of each key is counted. */
  records: number;
  recordsChanged: number;
  quarantined: number;
}

/**
 * Projects a batch: keeps only the newest version of each key, writes all rows together, and quarantines events that
 * can never be projected. Any part of the work can run again, in any order, with the same resulting rows.
 *
 * @param deliveries in stream order
 * @throws the store's transient errors; retry the entire batch, and nothing is lost
 */
export async function projectBatch(
  store: QueryStore,
  deliveries: readonly (ReadableDelivery | RefusedDelivery)[],
): Promise<BatchOutcome> {
  const checked = await refuseFuture(store, deliveries);
  const written = await write(
    store,
    checked.filter((delivery) => delivery.kind === 'readable'),
  );
  const refused = [...checked.filter((delivery) => delivery.kind === 'refused'), ...written.refused];
  if (refused.length > 0) await store.quarantine(refused);
  return {
    events: deliveries.length,
    records: written.records,
    recordsChanged: written.recordsChanged,
    quarantined: refused.length,
  };
}

interface Written {
  records: number;
  recordsChanged: number;
  refused: RefusedDelivery[];
}

/**
 * Writes the deliveries. If the database rejects a value, writes each half separately, until the event with that value
 * is isolated.
 */
async function write(store: QueryStore, deliveries: readonly ReadableDelivery[]): Promise<Written> {
  if (deliveries.length === 0) return { records: 0, recordsChanged: 0, refused: [] };
  try {
    return await writeTogether(store, deliveries);
  } catch (error) {
    if (!(error instanceof ValueRefusedError)) throw error;
    const [only] = deliveries;
    if (deliveries.length === 1 && only) {
      const { identityPoolId, identityId } = only.event.dataset;
      const refused: RefusedDelivery = {
        ...only,
        kind: 'refused',
        reason: `${VALUE_REFUSED}: ${error.message}`,
        identityPoolId,
        identityId,
      };
      return { records: 0, recordsChanged: 0, refused: [refused] };
    }
    const middle = Math.ceil(deliveries.length / 2);
    const first = await write(store, deliveries.slice(0, middle));
    const second = await write(store, deliveries.slice(middle));
    return {
      records: first.records + second.records,
      recordsChanged: first.recordsChanged + second.recordsChanged,
      refused: [...first.refused, ...second.refused],
    };
  }
}

async function writeTogether(store: QueryStore, deliveries: readonly ReadableDelivery[]): Promise<Written> {
  const changes = foldEvents(await completeRemovals(store, deliveries));
  const { recordsChanged } = await store.apply(changes);
  return {
    records: changes.reduce((sum, change) => sum + change.records.length, 0),
    recordsChanged,
    refused: [],
  };
}

/** The counts and times of the projected part of a batch. */
export interface BatchReport extends BatchOutcome {
  /** Time from the start to the end of the invocation. */
  batchMs: number;
  /**
   * Time from the arrival of the batch's last event on the stream until the rows of that event were written. If some
   * events are not written yet: the time from the arrival of the first unwritten event until now.
   */
  lagMs: number;
}
