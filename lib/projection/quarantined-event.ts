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
    payload: bytes.toString(payloadEncoding),
    payloadEncoding,
  };
}

const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Whether a text has the form of an event's id in quarantine. */
export function isQuarantineId(text: string): boolean {
  return UUID.test(text);
}
