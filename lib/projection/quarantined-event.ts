import { isUtf8 } from 'node:buffer';
import type { QuarantinedDelivery } from './ports/quarantine-store.ts';

/** An event in quarantine with its payload. The dates are ISO 8601 texts. */
export interface QuarantinedEventText {
  quarantineId: string;
  reason: string;
  identityPoolId: string | null;
  streamName: string;
  shardId: string;
  sequenceNumber: string;
  arrivedAt: string;
  quarantinedAt: string;
  /** When the event was projected or dismissed; null if it still waits. */
  redrivenAt: string | null;
  /** True if the event was dismissed, false if it was projected; null if it still waits, or if this is unknown. */
  isDismissed: boolean | null;
  /** The data of the event. It contains values of records, so only operators may read it. */
  payload: string;
  /** `base64` if the data is not UTF-8. */
  payloadEncoding: 'utf8' | 'base64';
}

/** Converts a delivery in quarantine to texts. */
export function toText({ delivery, ...event }: QuarantinedDelivery): QuarantinedEventText {
  const { position, data } = delivery;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const payloadEncoding = isUtf8(bytes) ? 'utf8' : 'base64';
  return {
    quarantineId: event.quarantineId,
    reason: event.reason,
    identityPoolId: event.identityPoolId,
    streamName: position.streamName,
    shardId: position.shardId,
    sequenceNumber: position.sequenceNumber,
    arrivedAt: new Date(position.arrivedAt).toISOString(),
    quarantinedAt: new Date(event.quarantinedAt).toISOString(),
    redrivenAt: event.redrivenAt === null ? null : new Date(event.redrivenAt).toISOString(),
    isDismissed: event.isDismissed,
    payload: bytes.toString(payloadEncoding),
    payloadEncoding,
  };
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whether a text has the form of an event's id in quarantine. */
export function isQuarantineId(text: string): boolean {
  return UUID.test(text);
}

/** Minimum length of the start of an id that stands for the whole id. */
const MIN_START = 8;

/**
 * Returns the lowest and the highest id that start with a text.
 * @param start at least MIN_START characters
 * @returns null if no id can start with the text
 */
export function idsStartingWith(start: string): { lowest: string; highest: string } | null {
  const fill = (digit: string) =>
    start + '00000000-0000-0000-0000-000000000000'.slice(start.length).replaceAll('0', digit);
  return start.length >= MIN_START && isQuarantineId(fill('0'))
    ? { lowest: fill('0'), highest: fill('f') }
    : null;
}
