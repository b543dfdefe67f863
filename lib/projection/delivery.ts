import type { KinesisStreamRecord } from 'aws-lambda';
import type { StreamEvent } from '../stream/stream-event.ts';

/** A position on the stream, and the arrival time there in epoch milliseconds. */
export interface StreamPosition {
  streamName: string;
  shardId: string;
  sequenceNumber: string;
  arrivedAt: number;
}

/** The data of one stream record, not decoded yet. */
export interface Delivery {
  position: StreamPosition;
  data: Uint8Array;
}

/** A delivery whose event can be projected. */
export interface ReadableDelivery extends Delivery {
  kind: 'readable';
  event: Exclude<StreamEvent, { kind: 'offloaded' }>;
}

/** A delivery that can never be projected in its current form. The reason never quotes the data. */
export interface RefusedDelivery extends Delivery {
  kind: 'refused';
  reason: string;
  /** Null if the data is not an event. */
  identityPoolId: string | null;
  /** Null if the data is not an event. */
  identityId: string | null;
}

/** Converts one record of a batch with which Lambda invokes a function for a Kinesis stream. */
export function toDelivery({ eventID, eventSourceARN, kinesis }: KinesisStreamRecord): Delivery {
  return {
    position: {
      streamName: eventSourceARN.slice(eventSourceARN.lastIndexOf('/') + 1),
      shardId: eventID.slice(0, eventID.lastIndexOf(':')),
      sequenceNumber: kinesis.sequenceNumber,
      arrivedAt: Math.round(kinesis.approximateArrivalTimestamp * 1000),
    },
    data: Buffer.from(kinesis.data, 'base64'),
  };
}
