import { decodeStreamEvent } from '../stream/decode-stream-event.ts';
import { type StreamEvent, StreamEventError } from '../stream/stream-event.ts';
import type { Delivery, ReadableDelivery, RefusedDelivery } from './delivery.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Looks into one delivery: it holds an event that can be projected, or it is refused for good with a reason that
 * starts with a fixed word (`not-json`, `not-a-cognito-event`, `offloaded-payload`, `unstorable-text`,
 * `date-in-the-future`). It never throws: data cannot stop the stream.
 */
export function readDelivery(delivery: Delivery): ReadableDelivery | RefusedDelivery {
  let event: StreamEvent;
  try {
    event = decodeStreamEvent(delivery.data);
  } catch (error) {
    if (!(error instanceof StreamEventError)) throw error;
    return {
      ...delivery,
      kind: 'refused',
      reason: `${error.reason}: ${error.message}`,
      identityPoolId: null,
    };
  }
  if (event.kind === 'offloaded') {
    return refuse(delivery, event, 'offloaded-payload: the records lie behind a URL, which is not fetched');
  }
  const reason = unstorableText(event) ?? dateInTheFuture(event, delivery.position.arrivedAt);
  return reason === null ? { ...delivery, kind: 'readable', event } : refuse(delivery, event, reason);
}

function refuse(delivery: Delivery, event: StreamEvent, reason: string): RefusedDelivery {
  return { ...delivery, kind: 'refused', reason, identityPoolId: event.dataset.identityPoolId };
}

/** PostgreSQL's text holds neither NUL nor half of a surrogate pair. Ids and names match patterns without them. */
function unstorableText(event: ReadableDelivery['event']): string | null {
  if (event.kind === 'removal') return null;
  const index = event.records.findIndex(({ key, value }) => !isStorable(key) || !isStorable(value ?? ''));
  return index < 0
    ? null
    : `unstorable-text: record ${index} holds a NUL or a lone surrogate, which SQL text cannot hold`;
}

function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

/** A version from the future would keep every later write of its key out, for ever. */
function dateInTheFuture(event: ReadableDelivery['event'], arrivedAt: number): string | null {
  const dates =
    event.kind === 'removal'
      ? [event.lastModifiedDate ?? arrivedAt]
      : [event.version.lastModifiedDate, ...event.records.map((record) => record.version.lastModifiedDate)];
  return dates.some((date) => date > arrivedAt + DAY_MS)
    ? 'date-in-the-future: a lastModifiedDate is more than 24 hours after the arrival of the event'
    : null;
}
