import { isStorable } from '../common/text.ts';
import { decodePayload } from '../stream/decode-payload.ts';
import { decodeStreamEvent } from '../stream/decode-stream-event.ts';
import { type FetchPayload, PayloadRefusedError } from '../stream/ports/fetch-payload.ts';
import { type OffloadedEvent, type RecordsEvent, StreamEventError } from '../stream/stream-event.ts';
import type { Delivery, ReadableDelivery, RefusedDelivery } from './delivery.ts';

/**
 * Decodes one delivery. If the records are behind a URL, fetches the records. Returns an event that can be projected,
 * or a permanent refusal whose reason starts with a constant prefix (`not-json`, `not-a-cognito-event`,
 * `kpl-aggregated`, `offloaded-payload`, `unstorable-text`).
 *
 * @throws {PayloadUnavailableError} the payload is unavailable for now. No delivery causes any other error
 */
export async function readDelivery(
  delivery: Delivery,
  fetchPayload: FetchPayload,
): Promise<ReadableDelivery | RefusedDelivery> {
  let identity: Pick<RefusedDelivery, 'identityPoolId' | 'identityId'> = {
    identityPoolId: null,
    identityId: null,
  };
  const refuse = (reason: string): RefusedDelivery => ({
    ...delivery,
    kind: 'refused',
    reason,
    ...identity,
  });
  try {
    const decoded = decodeStreamEvent(delivery.data);
    const { identityPoolId, identityId } = decoded.dataset;
    identity = { identityPoolId, identityId };
    const event = decoded.kind === 'offloaded' ? await fetchRecords(decoded, fetchPayload) : decoded;
    const reason = unstorableText(event);
    return reason === null ? { ...delivery, kind: 'readable', event } : refuse(reason);
  } catch (error) {
    if (error instanceof StreamEventError) return refuse(`${error.reason}: ${error.message}`);
    if (error instanceof PayloadRefusedError) return refuse(`offloaded-payload: ${error.message}`);
    throw error;
  }
}

async function fetchRecords(
  { dataset, version, operation, url }: OffloadedEvent,
  fetchPayload: FetchPayload,
): Promise<RecordsEvent> {
  return { kind: 'records', dataset, version, records: decodePayload(await fetchPayload(url), operation) };
}

/**
 * Returns why SQL text cannot store the event, or null. PostgreSQL text cannot store a NUL character or a lone
 * surrogate. Ids and names need no check, because they match patterns that exclude both.
 */
function unstorableText(event: ReadableDelivery['event']): string | null {
  if (event.kind === 'removal') return null;
  const index = event.records.findIndex(({ key, value }) => !isStorable(key) || !isStorable(value ?? ''));
  return index < 0
    ? null
    : `unstorable-text: record ${index} contains a NUL character or a lone surrogate, which SQL text cannot store`;
}
